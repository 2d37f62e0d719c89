import { measureCheckCost } from './check-cost.ts';
import type { Benchmark } from './tools.ts';

/** 100,000 targets at 30 s make as many. */
const PER_SECOND = 3_333;
const TARGETS = 10_000;

export const tcp: Benchmark = {
  name: 'tcp',
  summary: `what a TCP check costs at ${PER_SECOND} a second: the monitor, bare node:net and blackbox_exporter`,
  run: (options) =>
    measureCheckCost(
      {
        kind: 'tcp',
        perSecond: PER_SECOND,
        targets: options.targets ?? TARGETS,
        module: 'tcp',
        blackboxModule: '{ prober: tcp, timeout: 2s, tcp: { preferred_ip_protocol: ip4 } }',
        limits: { ofBare: 1.5, ofBlackbox: 0.2 },
      },
      options,
    ),
};
