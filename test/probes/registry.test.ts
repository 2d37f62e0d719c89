import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { probers } from '../../src/probes/registry.ts';
import { makeAuthority } from '../tools/certificates.ts';
import { startFpingPeer, startTcpPeer, startUdpPeer } from './hostile-peer.ts';
import { describeProber, type ProberCase, SECRET } from './prober.contract.ts';

let folder: string;
let fping: { readonly program: string };
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kassavakt-probers-'));
  fping = await startFpingPeer('hang', folder);
  const authority = await makeAuthority();
  const client = await authority.issue({ commonName: 'client', usage: 'client' });
  writeFileSync(join(folder, 'ca.pem'), authority.cert);
  writeFileSync(join(folder, 'client.pem'), client.cert);
  writeFileSync(join(folder, 'client.key'), client.key);
  writeFileSync(join(folder, 'secret'), `${SECRET}\n`);
});
afterAll(() => rmSync(folder, { recursive: true }));

const tls_config = { ca_file: 'ca.pem', cert_file: 'client.pem', key_file: 'client.key' };
const NOWHERE = { tls_config: { ca_file: '/nonexistent/ca.pem' } };
const asIs = (peer: string): string => peer;

/** One row for each prober; a new one needs no more than that. */
const CASES: Readonly<Record<string, ProberCase>> = {
  icmp: {
    options: () => ({ program: fping.program }),
    start: async (manner) => {
      const peer = await startFpingPeer(manner, folder);
      return Object.assign(peer, { options: { program: peer.program } });
    },
    addressAt: asIs,
    unreadable: { program: '/nonexistent/fping' },
  },
  tcp: {
    options: () => ({ query_response: [{ send: 'hello' }, { expect: '^ready' }] }),
    start: startTcpPeer,
    addressAt: asIs,
    unreadable: { tls: true, ...NOWHERE },
  },
  tls: { options: () => ({ tls_config }), start: startTcpPeer, addressAt: asIs, unreadable: NOWHERE },
  http: {
    options: () => ({
      basic_auth: { username: 'monitor', password_file: 'secret' },
      http_headers: { 'X-Api-Key': { files: ['secret'] } },
      fail_if_body_matches_regexp: ['driftst[öo]rning'],
    }),
    start: startTcpPeer,
    addressAt: (peer) => `http://${peer}/health?x=1`,
    unreadable: { basic_auth: { username: 'monitor', password_file: '/nonexistent/secret' } },
  },
  dns: {
    options: () => ({ query_name: 'a.test' }),
    start: startUdpPeer,
    addressAt: asIs,
    unreadable: { transport_protocol: 'tcp', dns_over_tls: true, ...NOWHERE },
  },
  nexo: {
    options: () => ({
      tls: false,
      encryption: { key_identifier: 'k', key_version: 1, passphrase_file: 'secret' },
    }),
    start: startTcpPeer,
    addressAt: asIs,
    unreadable: {
      encryption: { key_identifier: 'k', key_version: 1, passphrase_file: '/nonexistent/secret' },
    },
  },
  swish: {
    options: () => ({ tls_config }),
    start: startTcpPeer,
    addressAt: (peer) => `https://${peer}/`,
    unreadable: { tls_config: { ...tls_config, ca_file: '/nonexistent/ca.pem' } },
  },
};

test('every prober has a case, and stands under its own name', () => {
  expect(Object.keys(CASES).sort()).toEqual(Array.from(probers.keys()).sort());
  expect(Array.from(probers, ([name, prober]) => name === prober.name)).not.toContain(false);
});

describe.each(Array.from(probers.values()).filter(({ name }) => name in CASES))('$name', (prober) => {
  const given = CASES[prober.name];
  if (given !== undefined) describeProber(prober, given, () => folder);
});
