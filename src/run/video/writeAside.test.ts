import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { identityTag, ownIdentity } from '../../media/node/processIdentity.js'
import { syncFolder } from '../../media/node/syncFolder.js'
import { writeAside } from './writeAside.js'

let home: string
const at = (...names: string[]): string => join(home, ...names)
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'text2live-aside-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

async function write(folder: string): Promise<void> {
  await writeFile(join(folder, 'clip.mp4'), 'new')
  mkdirSync(join(folder, 'frames'))
  await writeFile(join(folder, 'frames', '0.png'), 'new')
}

test('what dead processes left aside for the same folder goes; what a living one is making, and what is for another folder, stays', async () => {
  const own = ownIdentity()
  const aside = (name: string, pid: number, host = own.host): string =>
    `.${name}.${identityTag({ ...own, pid, host })}.0123456789ab.tmp`
  const gone = 2 ** 22 + 1
  const staying = [
    aside('painted', own.pid),
    aside('painted', gone, 'another-machine'),
    aside('other', gone),
    '.painted.tmp',
  ]
  for (const name of [aside('painted', gone), ...staying]) mkdirSync(at(name))
  expect(await writeAside(at('painted'), false, write)).toEqual(['clip.mp4', 'frames'])
  expect(readdirSync(home).sort()).toEqual([...staying, 'painted'].sort())
})

test('with force files and folders of the same names are replaced, links too, and what they point to stays', async () => {
  mkdirSync(at('painted', 'frames'), { recursive: true })
  for (const name of ['painted/frames/0.png', 'painted/frames/1.png', 'painted/mine.txt', 'letter'])
    writeFileSync(at(name), 'old')
  symlinkSync(at('letter'), at('painted', 'clip.mp4'))
  await expect(writeAside(at('painted'), false, write)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' })
  await writeAside(at('painted'), true, write)
  expect(readdirSync(at('painted')).sort()).toEqual(['clip.mp4', 'frames', 'mine.txt'])
  expect(readdirSync(at('painted', 'frames'))).toEqual(['0.png'])
  expect(readFileSync(at('letter'), 'utf8')).toBe('old')
  expect(readFileSync(at('painted', 'mine.txt'), 'utf8')).toBe('old')
  expect(readdirSync(home).sort()).toEqual(['letter', 'painted'])
})

test('a failure leaves what was there', async () => {
  await writeAside(at('painted'), false, write)
  await expect(writeAside(at('painted'), true, () => Promise.reject(new TypeError('no')))).rejects.toThrow('no')
  expect(readdirSync(home)).toEqual(['painted'])
  expect(readdirSync(at('painted'))).toEqual(['clip.mp4', 'frames'])
})

test.skipIf(process.platform === 'win32')('a folder is flushed; one that is not there is an error', async () => {
  await syncFolder(home)
  await expect(syncFolder(at('none'))).rejects.toMatchObject({ code: 'ENOENT' })
})
