import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { digestFile } from '../media/node/digestFile.js'
import { KnownDigests } from './knownDigests.js'

let home: string
const at = (name: string): string => join(home, name)
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'text2live-digests-'))
})
afterAll(() => rmSync(home, { recursive: true, force: true }))
afterEach(() => vi.restoreAllMocks())

function later(): void {
  const now = Date.now() + 3600_000
  vi.spyOn(Date, 'now').mockReturnValue(now)
}

/** The digest that a batch in that folder tells, which keeps it for the next. */
async function told(path: string): Promise<string> {
  const digests = await KnownDigests.open(home)
  const { sha256 } = await digests.digest(path)
  await digests.save()
  return sha256
}

test('a file that is as it was is not read again; one that changed in any way is', async () => {
  const photo = at('photo.jpg')
  writeFileSync(photo, 'first')
  later()
  expect(await told(photo)).toBe((await digestFile(photo)).sha256)
  // Told from what was kept, and not from the file.
  const kept = at('.batch.digests.json')
  writeFileSync(kept, readFileSync(kept, 'utf8').replace(/"sha256":"\w{64}"/, `"sha256":"${'a'.repeat(64)}"`))
  expect(await told(photo)).toBe('a'.repeat(64))

  const { atime, mtime } = statSync(photo)
  writeFileSync(photo, 'other')
  utimesSync(photo, atime, mtime)
  expect(await told(photo)).toBe((await digestFile(photo)).sha256)

  writeFileSync(at('aside'), 'third')
  utimesSync(at('aside'), atime, mtime)
  renameSync(at('aside'), photo)
  expect(await told(photo)).toBe((await digestFile(photo)).sha256)
})

test('the digest of a file that was touched a moment ago is not kept; what was kept and is damaged is made anew', async () => {
  writeFileSync(at('new.jpg'), 'new')
  await told(at('new.jpg'))
  expect(readFileSync(at('.batch.digests.json'), 'utf8')).not.toContain('new.jpg')
  writeFileSync(at('.batch.digests.json'), '{"half')
  later()
  expect(await told(at('new.jpg'))).toBe((await digestFile(at('new.jpg'))).sha256)
  expect(readFileSync(at('.batch.digests.json'), 'utf8')).toContain('new.jpg')
})
