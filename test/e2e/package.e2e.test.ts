import { expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CommandProcess, makeFolder } from '../tools/monitor-process.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');

test('the packed package has compiled JavaScript and no tests, and runs the demo elsewhere', async () => {
  await using folder = await makeFolder();
  await run('npm', ['pack', '--pack-destination', folder.path], { cwd: ROOT });
  const [archive = ''] = (await readdir(folder.path)).filter((name) => name.endsWith('.tgz'));
  await run('tar', ['xzf', archive], { cwd: folder.path });
  const { stdout } = await run('find', ['package', '-type', 'f'], { cwd: folder.path });
  const files = stdout.trim().split('\n');
  expect(files).toEqual(
    expect.arrayContaining([
      'package/README.md',
      'package/dist/main.js',
      'package/bin/kassavakt.js',
      'package/config/prometheus/prometheus.yml',
      'package/config/prometheus/rules/alerts.yml',
      'package/docs/runbook.md',
    ]),
  );
  expect(files.filter((file) => /\.ts$|\/test\/|\/bench\//.test(file))).toEqual([]);

  await symlink(join(ROOT, 'node_modules'), join(folder.path, 'node_modules'));
  const bin = join(folder.path, 'package/bin/kassavakt.js');
  await using demo = new CommandProcess(
    ['demo', '--stores', '3', '--terminals', '9', '--listen', '127.0.0.1:0'],
    {
      cwd: folder.path,
      bin,
    },
  );
  await demo.line((line) => (line.includes('The day begins') ? line : undefined));
  await demo.line((line) => (line.startsWith('14:07') ? line : undefined));
  await demo.line((line) =>
    line.includes('DOWN') && line.includes('cannot reach the payment host') ? line : undefined,
  );
  expect(await demo.end('SIGINT')).toBe(0);
  expect(demo.complaints).toEqual([]);
}, 180_000);
