import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { folderSource } from '../../models/node/folderSource.js'
import { takeLock } from './processLock.js'
import { readClip } from './readClip.js'
import { readRegularFile, readRegularFileSync } from './readRegularFile.js'

const home = mkdtempSync(join(tmpdir(), 'text2live-regular-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))
const expected = { what: 'a list', maxBytes: 10 }
const path = (name: string): string => join(home, name)

it('reads a regular file whole, at once too', async () => {
  writeFileSync(path('list'), '0123456789')
  expect(new TextDecoder().decode(await readRegularFile(path('list'), expected))).toBe('0123456789')
  expect(readRegularFileSync(path('list'), expected).toString()).toBe('0123456789')
})

it('refuses what is missing, a folder, or too large', async () => {
  writeFileSync(path('long'), '0123456789a')
  const refused: [string, string, string][] = [
    [path('gone'), 'INPUT_NOT_FOUND', 'there is no file'],
    [home, 'INPUT_NOT_FOUND', 'is a folder'],
    [path('long'), 'INPUT_TOO_LARGE', 'at most 10 bytes'],
  ]
  for (const [file, code, message] of refused) {
    await expect(readRegularFile(file, expected)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message) as string,
    })
    expect(() => readRegularFileSync(file, expected)).toThrow(message)
  }
})

it('stops when it is asked to', async () => {
  await expect(readRegularFile(path('list'), { ...expected, signal: AbortSignal.abort() })).rejects.toMatchObject({
    name: 'AbortError',
  })
})

describe.skipIf(process.platform === 'win32')('a pipe that nobody writes to, and a device without an end', () => {
  it('are no file of any kind', async () => {
    execFileSync('mkfifo', [path('pipe'), path('config.json'), path('.lock')])
    for (const file of [path('pipe'), '/dev/zero']) {
      await expect(readRegularFile(file, expected)).rejects.toMatchObject({
        code: 'INPUT_NOT_FOUND',
        message: expect.stringContaining('no regular file') as string,
      })
      expect(() => readRegularFileSync(file, expected)).toThrow('no regular file')
      await expect(readClip(file)).rejects.toMatchObject({
        code: 'INPUT_NOT_FOUND',
        message: expect.stringContaining('no regular file') as string,
      })
    }
    const source = await folderSource(home)
    expect(await source.size('config.json')).toBeNull()
    await expect(source.read('config.json')).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' })
    const lock = await takeLock(path('.lock'))
    expect(lock).toHaveProperty('release')
  })
})
