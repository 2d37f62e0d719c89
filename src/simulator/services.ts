import type { HttpAnswer } from './terminal.ts';

/** Reading is all that a monitor may do with Swish. Undefined: not a read. */
export function answerSwish(method: string, path: string): HttpAnswer | undefined {
  if (method !== 'GET') return undefined;
  const id = /^\/swish-cpcapi\/api\/v1\/paymentrequests\/([^/?]+)$/.exec(path)?.[1];
  if (id === undefined) return { status: 404, body: { message: 'no such resource' } };
  return { status: 404, body: [{ errorCode: 'RP04', errorMessage: 'Payment request not found' }] };
}

/** A shop's front page, or what stands there while its systems are down. */
export function renderShop(chain: string, isDisrupted: boolean): string {
  const title = isDisrupted ? `${chain}: driftstörning` : chain;
  const text = isDisrupted
    ? 'Just nu har vi en driftstörning. Webbutiken och kundtjänsten är stängda tills vidare. Driftsforstyrrelser: vi beklager.'
    : 'Välkommen! Veckans erbjudanden, recept och öppettider för din butik.';
  return [
    '<!doctype html>',
    '<html lang="sv">',
    `<head><meta charset="utf-8"><title>${title}</title></head>`,
    `<body><h1>${title}</h1><p>${text}</p></body>`,
    '</html>',
    '',
  ].join('\n');
}
