import type { Command } from 'commander';
import { observe, type Policy } from '../core/health.ts';
import type { Outcome, ProbeReport } from '../core/outcome.ts';
import { type AnyReason, REASON_TEXT } from '../core/reason.ts';
import { toTargetId } from '../estate/ids.ts';
import { err, ok, type Result } from '../lib/result.ts';
import { suggest } from '../lib/suggest.ts';
import { unreachable } from '../lib/unreachable.ts';
import { type Prober, ProberUnavailable } from '../probes/probe.ts';
import { formatProblem, type Settings, type SettingsProblem } from '../settings/settings.ts';
import type { CliContext, ExitCode } from './context.ts';

/** Reads a configuration. */
type LoadSettings = (
  file: string,
  probers: ReadonlyMap<string, Prober>,
  env: CliContext['env'],
) => Promise<Result<Settings, readonly SettingsProblem[]>>;

interface CheckOptions {
  readonly module?: string;
  readonly config?: string;
  readonly json?: boolean;
}

/** All that one probe from the command line needs. */
interface Plan {
  /** The target's id; for an address given as such, the address. */
  readonly target: string;
  readonly address: string;
  readonly module: string;
  readonly prober: Prober;
  readonly options: unknown;
  readonly timeoutMs: number;
  readonly policy: Policy;
  readonly baseDir: string;
}

/** `kassavakt check`: one probe, with every phase, what happened, and the verdict explained. */
export function addCheck(
  program: Command,
  cli: CliContext,
  probers: ReadonlyMap<string, Prober>,
  loadSettings: LoadSettings,
): void {
  program
    .command('check')
    .description('probe one target once and explain the verdict')
    .argument('<target>', "a target's id in the configuration, or an address: host, host:port or URL")
    .option('--module <name>', "a module of the configuration, or without --config a prober's name")
    .option('--config <file>', 'the configuration (YAML)')
    .option('--json', 'print one JSON document instead of text')
    .action((target: string, options: CheckOptions) =>
      cli.finish(() => runCheck(target, options, cli, probers, loadSettings)),
    );
}

async function runCheck(
  target: string,
  options: CheckOptions,
  cli: CliContext,
  probers: ReadonlyMap<string, Prober>,
  loadSettings: LoadSettings,
): Promise<ExitCode> {
  const settings =
    options.config === undefined ? undefined : await loadSettings(options.config, probers, cli.env);
  if (settings?.ok === false) {
    for (const problem of settings.error) cli.complain(formatProblem(problem));
    return 2;
  }
  const plan =
    settings === undefined
      ? planWithout(target, options.module, probers)
      : planFrom(settings.value, target, options.module, probers);
  if (!plan.ok) {
    cli.complain(plan.error);
    return 2;
  }
  try {
    const report = await probeOnce(plan.value, cli);
    cli.print(options.json === true ? asJson(plan.value, report) : asText(plan.value, report));
    return exitCodeOf(report.outcome);
  } catch (error) {
    if (!(error instanceof ProberUnavailable)) throw error;
    cli.complain(error.message);
    return 3;
  }
}

async function probeOnce(plan: Plan, cli: CliContext): Promise<ProbeReport> {
  const { module, timeoutMs, baseDir } = plan;
  await using probe = await plan.prober.open(plan.options, { module, timeoutMs, clock: cli.clock, baseDir });
  const signal = AbortSignal.any([cli.stop, AbortSignal.timeout(timeoutMs)]);
  return await probe.run({ targetId: plan.target, address: plan.address }, signal);
}

function planFrom(
  settings: Settings,
  text: string,
  moduleName: string | undefined,
  probers: ReadonlyMap<string, Prober>,
): Result<Plan> {
  const { estate, file, modules } = settings;
  const target = estate.targets.get(toTargetId(text));
  const wanted = moduleName ?? target?.module;
  if (wanted === undefined) {
    const byShape = planWithout(text, undefined, probers);
    if (byShape.ok) return byShape;
    return err(`${file} has no target "${text}"${didYouMean(text, estate.targets.keys())}`);
  }
  const module = modules.get(wanted);
  if (module === undefined)
    return err(`${file} has no module "${wanted}"${didYouMean(wanted, modules.keys())}`);
  const prober = probers.get(module.prober);
  if (prober === undefined)
    throw new Error(`the settings name a prober that is not registered: ${module.prober}`);
  const address = target?.address ?? text;
  const readable = prober.parseAddress(address);
  if (!readable.ok) return err(`"${address}" is not an address for module ${wanted}: ${readable.error}`);
  const { options, policy, timeoutMs } = module;
  return ok({
    target: text,
    address,
    module: wanted,
    prober,
    options,
    policy,
    timeoutMs,
    baseDir: settings.baseDir,
  });
}

/** A plan from a bare address: the prober with its defaults. */
function planWithout(
  address: string,
  proberName: string | undefined,
  probers: ReadonlyMap<string, Prober>,
): Result<Plan> {
  const name = proberName ?? proberForShape(address);
  if (name === undefined) {
    return err(
      `"${address}" is neither a URL nor host:port, so say how to probe it: --module with one of ` +
        `${Array.from(probers.keys()).join(', ')}, or --config FILE to check a target of a configuration by its id`,
    );
  }
  const prober = probers.get(name);
  if (prober === undefined) {
    return err(
      `there is no prober "${name}"${didYouMean(name, probers.keys())} (without --config, --module is one of ` +
        `${Array.from(probers.keys()).join(', ')})`,
    );
  }
  const readable = prober.parseAddress(address);
  if (!readable.ok) return err(`"${address}" is not an address for the prober ${name}: ${readable.error}`);
  const options = prober.options.safeParse({});
  if (!options.success) {
    const needed = options.error.issues.map((issue) => issue.path.join('.')).join(', ');
    return err(
      `the prober ${name} cannot work on defaults alone (it needs ${needed}): write a module with its options in a ` +
        'configuration, and name it with --config FILE --module NAME',
    );
  }
  return ok({
    target: address,
    address,
    module: name,
    prober,
    options: options.data,
    timeoutMs: DEFAULT_TIMEOUT_MS,
    policy: { failAfter: 1, recoverAfter: 1 },
    baseDir: '.',
  });
}

const DEFAULT_TIMEOUT_MS = 10_000;

function proberForShape(address: string): string | undefined {
  if (/^https?:\/\//i.test(address)) return 'http';
  return /^(\[[0-9a-f:.%\w]+\]|[^:\s/]+):\d+$/i.test(address) ? 'tcp' : undefined;
}

function didYouMean(word: string, candidates: Iterable<string>): string {
  const near = suggest(word, candidates);
  return near === undefined ? '' : `; did you mean ${near}?`;
}

function exitCodeOf(outcome: Outcome): ExitCode {
  switch (outcome.kind) {
    case 'answered':
    case 'degraded':
      return 0;
    case 'failed':
      return 1;
    case 'inconclusive':
      return 3;
    default:
      return unreachable(outcome);
  }
}

/** The verdict in one word and one sentence. A slow answer is degraded, as the module's `slow_after` says. */
function explain(outcome: Outcome, policy: Policy): { readonly word: string; readonly sentence: string } {
  const seen = observe(outcome, policy);
  const because = (
    word: string,
    reason: AnyReason,
  ): { readonly word: string; readonly sentence: string } => ({
    word,
    sentence: `${word} because ${REASON_TEXT[reason]} (${reason}): ${outcome.message}`,
  });
  switch (seen.kind) {
    case 'good':
      return { word: 'ANSWERED', sentence: `ANSWERED: ${outcome.message}` };
    case 'impaired':
      return because('DEGRADED', seen.reason);
    case 'failed':
      return because('FAILED', seen.reason);
    case 'none':
    case 'missed':
      return because('NO VERDICT', outcome.kind === 'inconclusive' ? outcome.reason : 'self-internal');
    default:
      return unreachable(seen);
  }
}

function asText(plan: Plan, report: ProbeReport): string {
  const { sentence } = explain(report.outcome, plan.policy);
  const name = plan.target === plan.address ? plan.address : `${plan.target} at ${plan.address}`;
  const width = Math.max(...report.phases.map((phase) => phase.name.length), 5);
  const phases = report.phases.map((phase) => `  ${phase.name.padEnd(width)}  ${inMs(phase.durationMs)}`);
  const total =
    'durationMs' in report.outcome ? [`  ${'total'.padEnd(width)}  ${inMs(report.outcome.durationMs)}`] : [];
  return [
    `${name} (module ${plan.module}, prober ${plan.prober.name}, time-out ${plan.timeoutMs / 1_000} s)`,
    '',
    ...phases,
    ...total,
    '',
    ...report.trail.map((line) => `  ${line}`),
    ...(report.trail.length > 0 ? [''] : []),
    sentence,
  ].join('\n');
}

/** A phase may be far below a millisecond, as on loopback. */
function inMs(durationMs: number): string {
  return `${durationMs.toFixed(durationMs < 10 ? 2 : 0).padStart(8)} ms`;
}

function asJson(plan: Plan, report: ProbeReport): string {
  const { word, sentence } = explain(report.outcome, plan.policy);
  const { target, address, module, prober } = plan;
  const verdict = { kind: word.toLowerCase().replace(' ', '-'), sentence };
  return JSON.stringify({ target, address, module, prober: prober.name, verdict, ...report }, undefined, 2);
}
