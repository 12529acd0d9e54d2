import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Text2LiveError } from '../errors.js'
import { oddPath } from '../pathHint.js'
import { maxConfigBytes, readRunConfig } from '../session/readRunConfig.js'
import { runFiles } from '../session/runFiles.js'
import { checkFolder } from './checkFolder.js'
import { readRunFile } from './runFile.js'
import { isRunFolder } from './runFolder.js'

/** @throws RUN_NOT_FOUND, RUN_INVALID */
export async function assertRun(path: string): Promise<void> {
  const found = await stat(path).catch(() => null)
  if (found === null) {
    throw new Text2LiveError(
      'RUN_NOT_FOUND',
      `There should be a run folder at "${path}", but there is nothing. ${oddPath(path) ?? 'Check the path; runs are made in runs/ unless --out says otherwise.'}`,
    )
  }
  if (found.isDirectory()) checkFolder(path)
  if (found.isDirectory() && isRunFolder(path)) return
  throw new Text2LiveError(
    'RUN_INVALID',
    `"${path}" is not a run folder: it holds no ${runFiles.config} of ours. Give the folder that a run was written to.`,
  )
}

/**
 * What a run folder edits.
 * @throws RUN_NOT_FOUND, RUN_INVALID
 */
export async function runKind(path: string): Promise<'image' | 'video'> {
  await assertRun(path)
  return /^clip:/m.test(await readConfigIn(path)) ? 'video' : 'image'
}

/** @throws RUN_INVALID for the run folder of the other kind, naming its command */
export async function assertKind(path: string, kind: 'image' | 'video'): Promise<void> {
  const found = await runKind(path)
  if (found === kind) return
  throw new Text2LiveError(
    'RUN_INVALID',
    `"${path}" is the run folder of a ${found === 'video' ? 'clip' : 'photo'}. Continue it with: text2live ${found} --resume ${path}`,
  )
}

/** The text of a run folder's config.yaml. @throws RUN_INVALID */
const readConfigIn = (folder: string): Promise<string> =>
  readRunConfig({ file: (name) => join(folder, name), read: (name) => readRunFile(join(folder, name), maxConfigBytes) })
