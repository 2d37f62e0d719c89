import { isIPv6 } from 'node:net';
import type { Answer } from 'dns-packet';
import { redact } from '../lib/redact.ts';

/**
 * A resource record on one line, as a zone file and as Go's miekg/dns (hence blackbox_exporter) write it:
 * `name.<TAB>TTL<TAB>IN<TAB>A<TAB>192.0.2.1`, so that regular expressions carry over. Types without a text here
 * (`HTTPS`, `SVCB`, …) are written in the generic form of RFC 3597, `\# length hex`; NSEC, NSEC3, RRSIG and OPT,
 * which are not asked for, with their type alone.
 */
export function recordText(record: Answer): string {
  if (record.type === 'OPT') return '.\t0\tIN\tOPT\t';
  const { name, ttl = 0, class: class_ = 'IN', type } = record;
  const number = /^UNKNOWN_(\d+)$/.exec(type)?.[1];
  const typeText = number === undefined ? type : `TYPE${number}`;
  // The generic form names the class by its number too.
  const classText =
    number === undefined && CLASS_NUMBERS[class_] !== undefined ? class_ : classNumber(class_);
  return `${domain(name)}\t${ttl}\t${classText}\t${typeText}\t${dataText(record)}`;
}

const CLASS_NUMBERS: Readonly<Record<string, number>> = { IN: 1, CS: 2, CH: 3, HS: 4, ANY: 255 };

function classNumber(name: string): string {
  return `CLASS${CLASS_NUMBERS[name] ?? name.replace('UNKNOWN_', '')}`;
}

/** The same for a person: blanks for tabs, cut at a bound, card numbers removed. */
export function recordLine(record: Answer): string {
  const text = redact(recordText(record)).replaceAll('\t', ' ');
  return text.length <= MAX_LINE_CHARS ? text : `${text.slice(0, MAX_LINE_CHARS)}…`;
}

const MAX_LINE_CHARS = 160;

function dataText(record: Exclude<Answer, { readonly type: 'OPT' }>): string {
  switch (record.type) {
    case 'A':
      return record.data;
    case 'AAAA':
      return isIPv6(record.data) ? shortIpv6(record.data) : record.data;
    case 'CNAME':
    case 'DNAME':
    case 'NS':
    case 'PTR':
      return domain(record.data);
    case 'TXT':
      return record.data.map(quoted).join(' ');
    case 'MX':
      return `${record.data.preference} ${domain(record.data.exchange)}`;
    case 'SRV': {
      const { priority, weight, port, target } = record.data;
      return `${priority} ${weight} ${port} ${domain(target)}`;
    }
    case 'SOA': {
      const { mname, rname, serial, refresh, retry, expire, minimum } = record.data;
      return `${domain(mname)} ${domain(rname)} ${serial} ${refresh} ${retry} ${expire} ${minimum}`;
    }
    case 'CAA':
      return `${record.data.flags} ${record.data.tag} ${quoted(Buffer.from(record.data.value))}`;
    case 'HINFO':
      return `${quoted(Buffer.from(record.data.cpu))} ${quoted(Buffer.from(record.data.os))}`;
    case 'RP':
      return `${domain(record.data.mbox)} ${domain(record.data.txt)}`;
    case 'SSHFP':
      return `${record.data.algorithm} ${record.data.hash} ${record.data.fingerprint}`;
    case 'NAPTR': {
      const { order, preference, flags, services, regexp, replacement } = record.data;
      const texts = [flags, services, regexp].map((text) => quoted(Buffer.from(text))).join(' ');
      return `${order} ${preference} ${texts} ${domain(replacement)}`;
    }
    case 'DS': {
      const { keyTag, algorithm, digestType, digest } = record.data;
      return `${keyTag} ${algorithm} ${digestType} ${digest.toString('hex').toUpperCase()}`;
    }
    case 'DNSKEY':
      return `${record.data.flags} 3 ${record.data.algorithm} ${record.data.key.toString('base64')}`;
    case 'TLSA': {
      const { usage, selector, matchingType, certificate } = record.data;
      return `${usage} ${selector} ${matchingType} ${certificate.toString('hex')}`;
    }
    case 'RRSIG':
    case 'NSEC':
    case 'NSEC3':
      return '';
    default:
      return `\\# ${record.data.length} ${record.data.toString('hex')}`;
  }
}

/** A domain name with its closing dot, special and unprintable bytes escaped. */
function domain(name: string): string {
  if (name === '.' || name === '') return '.';
  return `${escaped(Buffer.from(name), /[ '@;()"]/)}.`;
}

/** A character string in quotes. */
function quoted(bytes: Buffer): string {
  return `"${escaped(bytes, /["\\]/)}"`;
}

function escaped(bytes: Buffer, special: RegExp): string {
  return Array.from(bytes, (byte) => {
    if (byte < 0x20 || byte > 0x7e) return `\\${String(byte).padStart(3, '0')}`;
    const char = String.fromCharCode(byte);
    return special.test(char) ? `\\${char}` : char;
  }).join('');
}

/** The canonical text of RFC 5952; a URL's host is written so. */
function shortIpv6(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}
