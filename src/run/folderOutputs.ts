import { dirname } from 'node:path'
import { Text2LiveError } from '../errors.js'
import { outputFiles, type OutputName } from '../session/events.js'
import type { OutputFiles } from '../session/outputs.js'
import { readRunFileSync } from './runFile.js'
import type { RunStore } from '../session/store.js'

const names = Object.keys(outputFiles) as OutputName[]

/** Each file is read when it is asked for: many runs, or one of a large photo, would not fit. */
export function filesOf(folder: Pick<RunStore, 'file'>): OutputFiles {
  const paths = names.map((name) => [name, folder.file(outputFiles[name])] as const)
  return Object.defineProperties(
    {},
    Object.fromEntries(paths.map(([name, path]) => [name, { enumerable: true, get: () => readOutput(path) }])),
  ) as OutputFiles
}

function readOutput(path: string): Buffer {
  const bytes = readRunFileSync(path)
  if (bytes !== null) return bytes
  throw new Text2LiveError(
    'RUN_INVALID',
    `"${path}" was written by the run, and it is no longer there. Write it again with: text2live render ${dirname(path)}`,
  )
}
