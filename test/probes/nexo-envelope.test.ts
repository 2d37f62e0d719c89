import { NexoCrypto, Types } from '@adyen/api-library';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { deriveKeyMaterial, type NexoKey, openMessage, sealMessage } from '../../src/probes/nexo-envelope.ts';

const PASSPHRASE = 'example-passphrase-1';
const key: NexoKey = {
  keyIdentifier: 'kassa',
  keyVersion: 3,
  cryptoVersion: 1,
  material: deriveKeyMaterial(PASSPHRASE),
};
const vendorKey = { AdyenCryptoVersion: 1, KeyIdentifier: 'kassa', KeyVersion: 3, Passphrase: PASSPHRASE };

/** reference: domain.md §1.1, the test vector. */
const MESSAGE =
  '{"SaleToPOIRequest":{"MessageHeader":{"ProtocolVersion":"3.0","MessageClass":"Service","MessageCategory":"Diagnosis","MessageType":"Request","ServiceID":"0000000001","SaleID":"kassavakt","POIID":"V400m-000000001"},"DiagnosisRequest":{"HostDiagnosisFlag":true}}}';
const NONCE = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
const header: Types.terminal.MessageHeader = {
  MessageCategory: Types.terminal.MessageCategoryType.Diagnosis,
  MessageClass: Types.terminal.MessageClassType.Service,
  MessageType: Types.terminal.MessageType.Response,
  POIID: 'V400m-000000001',
};

describe('the envelope of the local Terminal API', () => {
  test('derives the keys of the test vector', () => {
    expect(key.material.hmacKey.toString('hex')).toBe(
      '61296c1d406752efedaf933e412f4e2df7b79c95c1fd3cf997e262f4e79e67bb',
    );
    expect(key.material.cipherKey.toString('hex')).toBe(
      'ab08ee2ecfc9d0f1eea99ea53c52bb2706e859a6ef885072828b7f18465505e6',
    );
    expect(key.material.iv.toString('hex')).toBe('aa8ddcdaba8516ec1cf62eb114d36ed1');
  });

  test('seals the message of the test vector to the same bytes', () => {
    expect(Buffer.byteLength(MESSAGE)).toBe(261);
    const sealed = sealMessage(MESSAGE, key, NONCE);
    expect(sealed.SecurityTrailer).toEqual({
      AdyenCryptoVersion: 1,
      KeyIdentifier: 'kassa',
      KeyVersion: 3,
      Nonce: 'AAECAwQFBgcICQoLDA0ODw==',
      Hmac: 'tlCq6jkB6bgNkeN37g0i9JytwRAA9p3Aj/GfLI23GEk=',
    });
    expect(sealed.NexoBlob.slice(0, 32)).toBe('9Wl83xHzpVZ657xolpVPI9jXsiMI+NvA');
  });

  test('never uses a nonce twice', () => {
    const nonces = Array.from({ length: 200 }, () => sealMessage('{}', key).SecurityTrailer.Nonce);
    expect(new Set(nonces).size).toBe(200);
  });

  test('is opened by the vendor library, whatever the message', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (message) => {
        const sealed = { MessageHeader: header, ...sealMessage(message, key) };
        expect(new NexoCrypto().decrypt(sealed, vendorKey)).toBe(message);
      }),
      { numRuns: 40 },
    );
  });

  test('opens what the vendor library sealed, whatever the message', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (message) => {
        expect(openMessage(NexoCrypto.encrypt(header, message, vendorKey), key)).toEqual({
          ok: true,
          value: message,
        });
      }),
      { numRuns: 40 },
    );
  });

  test('agrees with the vendor library on a passphrase with letters outside ASCII', () => {
    const passphrase = 'lösenfras för kassan é';
    const ours = { ...key, material: deriveKeyMaterial(passphrase) };
    const sealed = NexoCrypto.encrypt(header, MESSAGE, { ...vendorKey, Passphrase: passphrase });
    expect(openMessage(sealed, ours)).toEqual({ ok: true, value: MESSAGE });
  });

  test('does not open with another passphrase', () => {
    const other = { ...key, material: deriveKeyMaterial('example-passphrase-2') };
    for (let i = 0; i < 100; i++) {
      expect(openMessage(sealMessage(MESSAGE, key), other)).toEqual({ ok: false, error: 'wrong-key' });
    }
  });

  test('does not open when any byte of the blob, the nonce or the HMAC was changed', () => {
    const part = fc.constantFrom('NexoBlob', 'Nonce', 'Hmac');
    fc.assert(
      fc.property(part, fc.nat(), fc.integer({ min: 1, max: 255 }), (name, at, mask) => {
        const { NexoBlob, SecurityTrailer } = sealMessage(MESSAGE, key);
        const fields = { NexoBlob, Nonce: SecurityTrailer.Nonce, Hmac: SecurityTrailer.Hmac };
        const bytes = Buffer.from(fields[name], 'base64');
        bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ mask;
        const { NexoBlob: blob, ...trailer } = { ...fields, [name]: bytes.toString('base64') };
        expect(openMessage({ NexoBlob: blob, SecurityTrailer: trailer }, key)).toEqual({
          ok: false,
          error: 'wrong-key',
        });
      }),
    );
  });

  test.each([
    { name: 'nothing', sealed: undefined },
    { name: 'no trailer', sealed: { NexoBlob: 'AAAA' } },
    { name: 'a short nonce', sealed: damaged({ Nonce: 'AAEC' }) },
    {
      name: 'a blob that is no whole number of blocks',
      sealed: { ...sealMessage('x', key), NexoBlob: 'AAAA' },
    },
    { name: 'an empty blob', sealed: { ...sealMessage('x', key), NexoBlob: '' } },
  ])('calls $name malformed', ({ sealed }) => {
    expect(openMessage(sealed, key)).toEqual({ ok: false, error: 'malformed' });
  });

  test('does not open with a short HMAC', () => {
    expect(openMessage(damaged({ Hmac: 'AAEC' }), key)).toEqual({ ok: false, error: 'wrong-key' });
  });
});

function damaged(fields: Readonly<Record<string, string>>): unknown {
  const sealed = sealMessage('x', key);
  return { ...sealed, SecurityTrailer: { ...sealed.SecurityTrailer, ...fields } };
}
