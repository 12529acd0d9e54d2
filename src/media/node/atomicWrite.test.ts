import { chmod, mkdir, mkdtemp, open, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Text2LiveError } from '../../errors.js'
import { atomicWrite, writeError } from './atomicWrite.js'

describe('atomicWrite', () => {
  let folder = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'text2live-write-'))
  })
  afterEach(async () => {
    await rm(folder, { recursive: true })
  })

  it('writes, replaces, and leaves nothing else in the folder', async () => {
    const path = join(folder, 'out.bin')
    await atomicWrite(path, 'first, longer than the second')
    await atomicWrite(path, Uint8Array.of(1, 2, 3))
    expect([...(await readFile(path))]).toEqual([1, 2, 3])
    expect(await readdir(folder)).toEqual(['out.bin'])
  })

  it('on failure removes its temporary file and leaves what was there', async () => {
    const path = join(folder, 'taken')
    await mkdir(join(path, 'inside'), { recursive: true })
    await expect(atomicWrite(path, 'x')).rejects.toMatchObject({ code: 'OUTPUT_NOT_WRITABLE' })
    expect(await readdir(folder)).toEqual(['taken'])
    expect(await readdir(path)).toEqual(['inside'])
  })

  it('concurrent writes leave one of them whole', async () => {
    const path = join(folder, 'out')
    const contents = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(100_000))
    await Promise.all(contents.map((content) => atomicWrite(path, content)))
    expect(contents).toContain(await readFile(path, 'utf8'))
    expect(await readdir(folder)).toEqual(['out'])
  })

  it('says that a folder does not exist', async () => {
    await expect(atomicWrite(join(folder, 'none', 'out'), 'x')).rejects.toMatchObject({
      code: 'OUTPUT_NOT_WRITABLE',
      message: expect.stringContaining('ENOENT') as string,
    })
  })

  it.skipIf(process.getuid?.() === 0 || process.platform === 'win32')('says that a folder is read-only', async () => {
    await chmod(folder, 0o555)
    await expect(atomicWrite(join(folder, 'out'), 'x')).rejects.toMatchObject({ code: 'OUTPUT_NOT_WRITABLE' })
    await chmod(folder, 0o755)
    expect(await readdir(folder)).toEqual([])
  })

  it.skipIf(process.platform !== 'linux')('says that a folder may not be written to, also to root', async () => {
    await expect(atomicWrite('/sys/text2live', 'x')).rejects.toMatchObject({
      code: 'OUTPUT_NOT_WRITABLE',
      exitStatus: 2,
    })
  })

  it.skipIf(process.platform !== 'linux')('a full disk is DISK_FULL', async () => {
    // /dev/full answers every write with the kernel's own ENOSPC.
    const full = await open('/dev/full', 'w')
    const cause: unknown = await full.writeFile('x').then(
      () => undefined,
      (error: unknown) => error,
    )
    await full.close()
    const error = writeError('runs/a/edit.png', cause)
    expect(error).toBeInstanceOf(Text2LiveError)
    expect(error).toMatchObject({
      code: 'DISK_FULL',
      exitStatus: 1,
      message: expect.stringContaining('runs/a/edit.png') as string,
    })
  })

  it('passes other failures on', () => {
    const other = new TypeError('not about files')
    expect(writeError('x', other)).toBe(other)
  })
})
