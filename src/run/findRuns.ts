import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Text2LiveError } from '../errors.js'
import { isRunFolder } from './runFolder.js'

/**
 * The run folders that a path means: itself, or those right in it, by name ("teapot-2" before "teapot-10"). A folder of
 * another kind, and a link, is none of them.
 * @throws RUN_NOT_FOUND for no folder
 */
export async function findRuns(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => null)
  if (found?.isDirectory() !== true)
    throw new Text2LiveError(
      'RUN_NOT_FOUND',
      `There should be a folder of runs at "${path}", but there is ${found === null ? 'nothing' : 'a file'}. Runs are made in runs/ of the folder that the command is called in, unless --out says otherwise.`,
    )
  if (isRunFolder(path)) return [path]
  const entries = await readdir(path, { withFileTypes: true })
  return entries
    .filter((entry) => entry.isDirectory() && isRunFolder(join(path, entry.name)))
    .map(({ name }) => name)
    .sort(new Intl.Collator('en', { numeric: true }).compare)
    .map((name) => join(path, name))
}
