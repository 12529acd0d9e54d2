// Runs a program under strace and says what it looked up, connected to, or wrote outside the folders it was given.
// Usage: node scripts/ci/trace.mjs [--folder <folder>]... -- <program> [argument]...
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const calls = '%network,open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat'

/** Files that a look-up of a host's name reads. */
const lookupFiles = new Set(['/etc/resolv.conf', '/etc/hosts', '/etc/host.conf', '/etc/gai.conf'])

/** Sockets of services that look names up. */
const lookupSockets = /nscd|io\.systemd\.Resolve|resolve\.hook|avahi|mdns/i

export const hasStrace = () => spawnSync('strace', ['-V']).status === 0

/**
 * The environment that a person has: no variable by which ONNX Runtime knows that it is tested, an empty home and a
 * temporary folder of its own.
 */
export function plainEnvironment(scratch, more = {}) {
  const [home, temporary] = [join(scratch, 'home'), join(scratch, 'tmp')]
  for (const folder of [home, temporary]) mkdirSync(folder, { recursive: true })
  return { PATH: process.env.PATH, HOME: home, TMPDIR: temporary, ...more }
}

/**
 * Runs the program under strace. `problems`: name look-ups, connections beyond loopback, and files written outside
 * `folders` and the temporary folder, one a line; `status`, `stdout` and `stderr` are the program's.
 */
export function traced(file, args, { folders = [], env = {}, cwd } = {}) {
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'text2live-trace-')))
  try {
    const log = join(scratch, 'calls')
    const environment = plainEnvironment(scratch, env)
    const { status, stdout, stderr } = spawnSync(
      'strace',
      ['-f', '--seccomp-bpf', '-qq', '-y', '-s', '300', '-o', log, '-e', `trace=${calls}`, file, ...args],
      { cwd, env: environment, encoding: 'utf8', maxBuffer: 2 ** 28 },
    )
    const allowed = [...folders.map((folder) => realpathSync(folder)), environment.TMPDIR]
    return {
      status,
      stdout,
      stderr,
      problems: problemsOf(readFileSync(log, 'utf8'), allowed, realpathSync(cwd ?? process.cwd())),
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** What a log of strace shows that should not be. */
export function problemsOf(log, folders, cwd) {
  const problems = new Set()
  const allowed = (path) =>
    folders.some((folder) => path === folder || path.startsWith(`${folder}/`)) || /^\/(dev|proc)\//.test(path)
  for (const { name, text, result } of callsOf(log)) {
    if (/sa_family=AF_INET6?\b/.test(text) && /^(connect|send|bind)/.test(name)) {
      const address = /inet_addr\("([^"]*)"\)|inet_pton\(AF_INET6, "([^"]*)"/.exec(text)
      const host = address?.[1] ?? address?.[2] ?? '?'
      if (/htons\(53\)/.test(text)) problems.add(`looked up a name at ${host}: ${text}`)
      else if (!/^(127\.|::1$|::ffff:127\.)/.test(host)) problems.add(`${name} to ${host}: ${text}`)
    }
    if (name === 'connect' && /sa_family=AF_UNIX/.test(text) && lookupSockets.test(text) && result >= 0)
      problems.add(`asked a service for a name: ${text}`)
    const paths = pathsOf(text, cwd)
    if (name.startsWith('open') && lookupFiles.has(paths[0] ?? '') && result >= 0)
      problems.add(`read ${paths[0]}, as a look-up of a name does`)
    const writes = name.startsWith('open')
      ? /O_WRONLY|O_RDWR|O_CREAT|O_TMPFILE/.test(text)
      : /^(creat|mkdir|rename|link|symlink)/.test(name)
    if (writes && result >= 0)
      for (const path of paths.filter((path) => !allowed(path))) problems.add(`${name} ${path}`)
  }
  return [...problems]
}

/** Whole calls: one that was interrupted by another thread's is put together again. */
function callsOf(log) {
  const open = new Map()
  const whole = []
  for (const line of log.split('\n')) {
    const match = /^(\d+)\s+(.*)$/.exec(line)
    if (!match) continue
    const [, thread, text] = match
    if (text.endsWith('<unfinished ...>')) {
      open.set(thread, text.slice(0, -'<unfinished ...>'.length))
      continue
    }
    const rest = /^<\.\.\. \w+ resumed>(.*)$/.exec(text)
    const joined = rest ? (open.get(thread) ?? '') + rest[1] : text
    if (rest) open.delete(thread)
    const call = /^(\w+)\((.*)\)\s+=\s+(-?\d+|\?)/.exec(joined)
    if (call) whole.push({ name: call[1], text: call[2], result: call[3] === '?' ? 0 : Number(call[3]) })
  }
  // A call that never came back may have done what it was asked to.
  for (const text of open.values()) {
    const call = /^(\w+)\((.*)$/.exec(text)
    if (call) whole.push({ name: call[1], text: call[2], result: 0 })
  }
  return whole
}

/**
 * The paths of a call's arguments, absolute: strace -y writes the folder of a descriptor behind it, as in
 * `AT_FDCWD</home/me>, "runs"`.
 */
function pathsOf(text, cwd) {
  return [...text.matchAll(/(?:[\w-]+<([^>]*)>, )?"((?:[^"\\]|\\.)*)"/g)].map(([, folder, path]) =>
    resolve(folder ?? cwd, path),
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const separator = process.argv.indexOf('--')
  const folders = process.argv.slice(2, separator).filter((word) => word !== '--folder')
  const [file, ...args] = process.argv.slice(separator + 1)
  const { status, stdout, stderr, problems } = traced(file, args, { folders })
  process.stdout.write(stdout)
  process.stderr.write(stderr)
  for (const problem of problems) console.error(`trace: ${problem}`)
  if (problems.length > 0 || status !== 0) process.exit(1)
  console.log('trace: no name was looked up, nothing was connected to, nothing was written elsewhere')
}
