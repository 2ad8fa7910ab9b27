// Small helpers for the scripts of this folder: run a command, look for one, install a Debian package.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** Runs a command with the terminal's output; returns its exit code (128 + n for a signal counts as failure too). */
export function run(command, args, options = {}) {
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (error) console.error(`${command}: ${error.message}`);
  if (signal) console.error(`${command}: ended by ${signal}`);
  return status ?? 1;
}

/** Runs a command and captures its output. */
export function capture(command, args, options = {}) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8', ...options });
  return { status: status ?? 1, stdout: stdout ?? '', stderr: stderr ?? '' };
}

export function works(command, ...args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** Installs Debian packages when root or with password-less sudo; returns whether that worked. */
export function aptInstall(...packages) {
  if (!existsSync('/etc/debian_version')) return false;
  const isRoot = process.getuid?.() === 0;
  if (!isRoot && !works('sudo', '-n', 'true')) return false;
  const apt = (...args) => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    return isRoot
      ? run('apt-get', args, { env })
      : run('sudo', ['-n', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args], { env });
  };
  const install = () => apt('install', '-y', '-q', '--no-install-recommends', ...packages) === 0;
  return install() || (apt('update', '-q') === 0 && install());
}

export function section(title) {
  console.log(`\n\u001b[1m== ${title}\u001b[0m`);
}
