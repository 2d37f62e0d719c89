import { measureCheckCost } from './check-cost.ts';
import type { Benchmark } from './tools.ts';

/** What a core can still carry with the probed servers on the other. */
const PER_SECOND = 500;
const TARGETS = 2_000;
const RULE = "fail_if_body_matches_regexp: ['driftst[öo]rning']";

export const http: Benchmark = {
  name: 'http',
  summary: `what an HTTP GET costs at ${PER_SECOND} a second, with phases and one body rule, three ways`,
  run: (options) =>
    measureCheckCost(
      {
        kind: 'http',
        perSecond: PER_SECOND,
        targets: options.targets ?? TARGETS,
        module: `http, metrics: detailed, http: { ${RULE} }`,
        blackboxModule: `{ prober: http, timeout: 2s, http: { preferred_ip_protocol: ip4, ${RULE} } }`,
        limits: { ofBare: 1.3, ofBlackbox: 0.4 },
      },
      options,
    ),
};
