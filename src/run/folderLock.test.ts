import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lockFolder } from './folderLock.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'text2live-lock-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('the process of a command that was killed is waited for; one of a command that lives is not', async () => {
  const script = fileURLToPath(new URL('../../test/run/lockOrphan.mjs', import.meta.url))
  const command = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(command.stdout, 'data')
  const notes: string[] = []
  const wait = { onNote: (message: string) => notes.push(message), signal: new AbortController().signal }
  await expect(lockFolder(folder, wait)).rejects.toMatchObject({ code: 'RUN_LOCKED' })
  expect(notes).toEqual([])
  command.kill('SIGKILL')
  await once(command, 'exit')
  await expect(lockFolder(folder)).rejects.toMatchObject({ code: 'RUN_LOCKED' })
  const given = new AbortController()
  const asked = lockFolder(folder, { ...wait, signal: given.signal })
  given.abort(new Error('given up'))
  await expect(asked).rejects.toThrow('given up')
  const lock = await lockFolder(folder, wait)
  expect(notes).toHaveLength(2)
  expect(notes[0]).toMatch(/^process \d+ keeps the last step of a command that was killed/)
  lock.release()
})
