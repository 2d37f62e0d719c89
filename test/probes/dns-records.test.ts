import { describe, expect, test } from '@jest/globals';
import { type Answer, decode, encode } from 'dns-packet';
import { recordLine, recordText } from '../../src/probes/dns-records.ts';
import { RECORDS } from './dns-record-samples.ts';

describe('a record', () => {
  test.each(RECORDS)('of type $record.type is written as in a zone file', ({ record, text }) => {
    const [read] = decode(encode({ type: 'response', answers: [record] })).answers;
    expect(read && recordText(read)).toBe(text);
  });

  test('is told on one line, without card numbers', () => {
    const data = [Buffer.from(`4111 1111 1111 1111 ${'x'.repeat(230)}`)];
    const TXT: Answer = { name: 'example.test', ttl: 300, type: 'TXT', data };
    const line = recordLine(TXT);
    expect(line).toContain('[card number removed]');
    expect(line.length).toBeLessThanOrEqual(161);
  });
});
