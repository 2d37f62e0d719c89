// Brings the programs that some test suites run against: as root on Debian or Ubuntu it installs what is missing,
// elsewhere it says what will be skipped. Prints nothing when nothing is missing. Never fails a test run.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isInstalled, PACKAGE_OF_PROGRAM } from './programs.ts';

const POLICY = '/usr/sbin/policy-rc.d';

function missingPackages(): readonly string[] {
  const missing = Object.entries(PACKAGE_OF_PROGRAM).filter(([program]) => !isInstalled(program));
  return Array.from(new Set(missing.map(([, name]) => name)));
}

function isDebianLike(): boolean {
  if (!existsSync('/etc/os-release') || !isInstalled('apt-get')) return false;
  return /^ID(_LIKE)?="?.*\b(debian|ubuntu)\b/m.test(readFileSync('/etc/os-release', 'utf8'));
}

/** Runs a program silently; `complaint` is what it wrote when it failed. */
function run(program: string, args: readonly string[]): { ok: boolean; complaint: string } {
  const { status, stderr } = spawnSync(program, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  return { ok: status === 0, complaint: stderr ?? `${program} cannot be started` };
}

function hasPackageLists(): boolean {
  const lists = '/var/lib/apt/lists';
  return existsSync(lists) && readdirSync(lists).some((name) => /_Packages(\.\w+)?$/.test(name));
}

/** Installs without starting any service: the tests start their own, on free ports. */
function install(packages: readonly string[]): void {
  const args = [
    'install',
    '-y',
    '-qq',
    '--no-install-recommends',
    '-o',
    'DPkg::Lock::Timeout=300',
    ...packages,
  ];
  const update = () => run('apt-get', ['update', '-qq']);
  const ownPolicy = !existsSync(POLICY);
  // With a listener in place an interrupt ends apt-get but not us, so that the policy is always taken away again.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  if (ownPolicy) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    if (!hasPackageLists()) update();
    let installed = run('apt-get', args);
    if (!installed.ok && update().ok) installed = run('apt-get', args);
    if (!installed.ok) process.stdout.write(installed.complaint);
  } finally {
    if (ownPolicy) rmSync(POLICY, { force: true });
  }
  // Where systemd runs, the packages have also enabled their services for the next start of the machine.
  const services = packages.filter((name) => name.startsWith('prometheus')).map((name) => `${name}.service`);
  if (existsSync('/run/systemd/system') && services.length > 0) {
    run('systemctl', ['disable', '--now', '--quiet', ...services]);
  }
}

const wanted = missingPackages();
if (wanted.length > 0 && process.getuid?.() === 0 && isDebianLike()) {
  process.stdout.write(`Installing Debian packages that the tests run against: ${wanted.join(', ')}\n`);
  install(wanted);
}
const absent = missingPackages();
if (absent.length > 0) {
  process.stdout.write(
    `Not installed: ${absent.join(', ')}. The test suites that run against them will be skipped, and named.\n` +
      `To run them too on Debian or Ubuntu: apt-get install ${absent.join(' ')}\n`,
  );
}
