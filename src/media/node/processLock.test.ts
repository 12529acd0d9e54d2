import { spawn, type ChildProcess } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { readLockFile, renameFolder } from './lockFile.js'
import { ownIdentity } from './processIdentity.js'
import { lockHolder, takeLock, type LockHolder, type ProcessLock } from './processLock.js'

let home: string
const at = (...names: string[]): string => join(home, ...names)
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'text2live-lock-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const dead = (id = ''): string => JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), born: null, id })

async function held(path: string): Promise<ProcessLock> {
  const lock = await takeLock(path)
  if (lock === null || !('release' in lock)) throw new Error(`expected the lock, got ${JSON.stringify(lock)}`)
  return lock
}

test('a lock is held by one, tells who, and leaves nothing when it is released', async () => {
  const lock = await held(at('.lock'))
  expect(JSON.parse(readFileSync(at('.lock'), 'utf8'))).toMatchObject({ pid: process.pid, host: hostname() })
  expect(await takeLock(at('.lock'))).toMatchObject({
    pid: process.pid,
    host: hostname(),
  } satisfies Partial<LockHolder>)
  lock.release()
  expect(readdirSync(home)).toEqual([])
})

test.each([
  ['of a process that is gone', dead()],
  ['of an earlier process of this pid', JSON.stringify({ pid: process.pid, host: hostname(), born: '1' })],
  ['half-written', '{"pi'],
  ['empty', ''],
  ['no object', 'null'],
  ['with a pid that signals groups', JSON.stringify({ pid: -1, host: hostname(), born: null })],
])('a lock %s is taken over', async (_, text) => {
  writeFileSync(at('.lock'), text)
  ;(await held(at('.lock'))).release()
  expect(readdirSync(home)).toEqual([])
})

const minute = 60_000
const elsewhere = (id = ''): string =>
  JSON.stringify({ pid: process.pid, host: 'another-machine', born: null, system: 'another boot', id })
/** Makes a lock that was renewed so long ago, by the clock of its file system. */
function writeLock(path: string, text: string, ago: number): void {
  writeFileSync(path, text)
  const time = (statSync(path).mtimeMs - ago) / 1000
  utimesSync(path, time, time)
}

describe('a lock of another machine', () => {
  test.each([0, minute - 5000, 5000 - minute])('renewed %i ms ago is respected', async (ago) => {
    writeLock(at('.lock'), elsewhere(), ago)
    const holder = { pid: process.pid, host: 'another-machine', born: null, system: 'another boot' }
    expect(await takeLock(at('.lock'))).toEqual(holder)
    expect(lockHolder(at('.lock'))).toEqual(holder)
    expect(readdirSync(home)).toEqual(['.lock'])
  })

  test.each([minute + 1000, -minute - 1000])('renewed %i ms ago is taken over', async (ago) => {
    writeLock(at('.lock'), elsewhere(), ago)
    expect(lockHolder(at('.lock'))).toBeNull()
    ;(await held(at('.lock'))).release()
    expect(readdirSync(home)).toEqual([])
  })

  test("that has this one's name is not judged by its processes", async () => {
    const namesake = { pid: 2 ** 22 + 1, host: hostname(), born: null, system: 'another boot' }
    writeLock(at('.lock'), JSON.stringify(namesake), 0)
    expect(await takeLock(at('.lock'))).toEqual(ownIdentity().system === null ? expect.anything() : namesake)
  })

  test("is judged by the clock of the file system, whatever this machine's says", async () => {
    vi.useFakeTimers({ now: Date.now() + 10 * minute, toFake: ['Date'] })
    writeLock(at('.lock'), elsewhere(), 0)
    expect(await takeLock(at('.lock'))).toMatchObject({ host: 'another-machine' })
    vi.setSystemTime(Date.now() - 20 * minute)
    writeLock(at('.lock'), elsewhere(), minute + 1000)
    ;(await held(at('.lock'))).release()
    vi.useRealTimers()
  })
})

test('a lock is renewed while the thread that took it is blocked', async () => {
  const lock = await held(at('.lock'))
  const before = readLockFile(at('.lock'))!
  writeLock(at('.lock'), before.text, minute / 2)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 11_000)
  const after = readLockFile(at('.lock'))!
  expect(after.text).toBe(before.text)
  expect(after.writtenAt - before.writtenAt).toBeGreaterThan(5000)
  lock.assertHeld()
  lock.release()
})

test('a holder whose lock was taken over finds out, and leaves it to the taker', async () => {
  const lock = await held(at('.lock'))
  lock.assertHeld()
  writeFileSync(at('.lock'), elsewhere())
  expect(() => lock.assertHeld()).toThrow(
    expect.objectContaining({
      code: 'LEASE_LOST',
      message: expect.stringContaining(`but process ${process.pid} on another-machine took it over`) as string,
    }),
  )
  lock.release()
  expect(readFileSync(at('.lock'), 'utf8')).toBe(elsewhere())
  rmSync(at('.lock'))
  expect(() => lock.assertHeld()).toThrow(expect.objectContaining({ code: 'LEASE_LOST' }))
})

test('a link in place of a lock is not followed, nor is what it points to touched', async () => {
  writeFileSync(at('letter'), 'dear')
  symlinkSync(at('letter'), at('.lock'))
  const lock = await held(at('.lock'))
  expect(lstatSync(at('.lock')).isFile()).toBe(true)
  expect(readFileSync(at('letter'), 'utf8')).toBe('dear')
  lock.release()
  expect(readdirSync(home)).toEqual(['letter'])
})

test('where a file system has no links a folder is the lock: exclusive, told, taken over and released in the same way', async () => {
  expect(
    renameFolder(at('aside'), at('.lock'), JSON.stringify({ pid: process.pid, host: hostname(), born: null })),
  ).toBe(true)
  expect(await takeLock(at('.lock'))).toEqual({ pid: process.pid, host: hostname(), born: null, system: null })
  expect(renameFolder(at('second'), at('.lock'), dead())).toBe(false)
  rmSync(at('.lock'), { recursive: true })
  rmSync(at('second'), { recursive: true })
  writeFileSync(at('.lock'), 'a file')
  expect(renameFolder(at('third'), at('.lock'), dead())).toBe(false)
  rmSync(at('third'), { recursive: true })
  rmSync(at('.lock'))
  for (const stale of [() => renameFolder(at('aside'), at('.lock'), dead()), () => mkdirSync(at('.lock'))]) {
    stale()
    ;(await held(at('.lock'))).release()
    expect(readdirSync(home)).toEqual([])
  }
})

test('a process that ended in a take-over leaves nothing that nobody can take', async () => {
  writeFileSync(at('.lock'), dead('first'))
  const { createHash } = await import('node:crypto')
  const guardOf = (text: string): string => at(`.lock.${createHash('sha256').update(text).digest('hex').slice(0, 16)}`)
  // It had the guard, and so had another before it, which had the guard of that.
  writeFileSync(guardOf(dead('first')), dead('second'))
  writeFileSync(guardOf(dead('second')), dead('third'))
  ;(await held(at('.lock'))).release()
  expect(existsSync(at('.lock'))).toBe(false)
})

test('the lock goes when its process ends by itself', async () => {
  const code = `import { takeLock } from ${JSON.stringify(new URL('../../../dist/media/node/processLock.js', import.meta.url).href)}
    const lock = await takeLock(process.argv[1]); if (!('release' in lock)) process.exit(3); process.exit(0)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code, at('.lock')], { stdio: 'inherit' })
  expect(await new Promise((done) => child.on('exit', done))).toBe(0)
  expect(readdirSync(home)).toEqual([])
})

const script = fileURLToPath(new URL('../../../test/run/lockContender.mjs', import.meta.url))

test('of eight processes that find a stale lock, of this machine or another, one has it, in every round, and never two', async () => {
  const rounds = 150
  for (let round = 0; round < rounds; round++) {
    const text = round % 4 < 2 ? dead(String(round)) : elsewhere(String(round))
    writeLock(at(String(round)), text, minute + 5000)
  }
  const children: ChildProcess[] = Array.from({ length: 8 }, () =>
    spawn(process.execPath, [script, home], { stdio: ['pipe', 'pipe', 'inherit'] }),
  )
  const exits = children.map((child) => new Promise((done) => child.on('exit', done)))
  const answers = children.map((child) => createInterface({ input: child.stdout! })[Symbol.asyncIterator]())
  for (let round = 0; round < rounds; round++) {
    for (const child of children) child.stdin!.write(`${round}\n`)
    const told = await Promise.all(answers.map(async (answer) => (await answer.next()).value as string))
    expect(told, `round ${round}`).not.toContain('broken')
    const count = told.filter((each) => each === 'held').length
    // What is released at once may be held by several, one after the other.
    if (round % 2 === 0) expect(count, `round ${round}`).toBe(1)
    else expect(count, `round ${round}`).toBeGreaterThanOrEqual(1)
  }
  // The locks that were kept go when their processes end, and nothing else is left.
  for (const child of children) child.stdin!.end()
  await Promise.all(exits)
  expect(readdirSync(home)).toEqual([])
})
