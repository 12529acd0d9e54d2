import { unzipSync, Zip, ZipDeflate, ZipPassThrough } from 'fflate'
import { Text2LiveError } from '../../errors.js'
import { checkedEvents } from '../eventLog.js'
import { outputFiles, type RunEvent } from '../events.js'
import { previewFile, runFiles } from '../runFiles.js'
import { readRunSettings } from '../savedRun.js'
import { isClipRun, readVideoSettings } from '../video/savedClip.js'
import { belowFolder, clipFolders, isClipFileName, videoFileNames } from '../video/videoFiles.js'
import type { RunFiles } from './queueMachine.js'

/** Bounds of a zip that may come from anybody; a run of a photo of 100 megapixels stays below, and most of clips. */
const mostFiles = 20_000
const mostBytes = 2 ** 31

/** Names of all files that a run has now, its settings first. @throws RUN_INVALID, CONFIG_* */
export async function runFileNames(run: RunFiles): Promise<string[]> {
  return (await isClipRun(run)) ? await clipFileNames(run) : await photoFileNames(run)
}

async function photoFileNames(run: RunFiles): Promise<string[]> {
  const { settings } = await readRunSettings(run)
  const events = checkedEvents(await run.read(runFiles.events), run.file(runFiles.events)) as RunEvent[]
  const previews = new Set(events.flatMap((event) => (event.type === 'preview' ? [previewFile(event.step)] : [])))
  const pictures = [settings.photo, settings.mask].filter((file) => file !== null)
  const below = settings.over.length === 0 ? [] : [...settings.over, runFiles.below]
  const trained = [runFiles.events, runFiles.checkpoint, ...Object.values(outputFiles)]
  const possible = [runFiles.config, ...pictures, ...below, ...trained]
  const names: string[] = []
  for (const name of [...possible, ...previews]) if (await run.has(name)) names.push(name)
  return names
}

async function clipFileNames(run: RunFiles): Promise<string[]> {
  const settings = await readVideoSettings(run)
  const alone = [settings.clip, settings.mask].filter((file) => file !== null)
  const names: string[] = []
  for (const name of [...videoFileNames, ...alone]) if (isClipFileName(name) && (await run.has(name))) names.push(name)
  for (const folder of [...clipFolders, ...settings.over.map((_, i) => belowFolder(i))]) {
    for (const file of await run.list(folder)) {
      const name = `${folder}/${file}`
      if (isClipFileName(name) && (await run.has(name))) names.push(name)
    }
  }
  return names
}

/**
 * A run as a zip of its folder, as the command line continues it once it is unpacked; piece by piece, with one file in
 * memory at a time.
 * @param name of the folder in the zip
 * @throws RUN_INVALID, CONFIG_*
 */
export async function* zipRun(run: RunFiles, name: string): AsyncGenerator<Uint8Array, void, undefined> {
  let pieces: Uint8Array[] = []
  const zip = new Zip((error, piece) => {
    if (error !== null) throw error
    pieces.push(piece)
  })
  for (const file of await runFileNames(run)) {
    const bytes = await run.read(file)
    if (bytes === null) continue
    // Pictures and numbers gain nothing.
    const isText = /\.(yaml|ndjson|svg)$/.test(file)
    const entry = isText ? new ZipDeflate(`${name}/${file}`, { level: 6 }) : new ZipPassThrough(`${name}/${file}`)
    zip.add(entry)
    entry.push(bytes, true)
    yield* pieces
    pieces = []
  }
  zip.end()
  yield* pieces
}

/**
 * The files of a run's folder by their names in it, from a zip that may come from anybody: of the folder itself, or of
 * what is in it. Nothing is written.
 * @param name what messages call the zip
 * @param most bytes that it may unfold into
 * @throws RUN_INVALID for what is no zip, holds no run or several, names files outside of itself, or unfolds into more
 *   than a run has
 */
export function unzipRun(zip: Uint8Array, name: string, most = mostBytes): Map<string, Uint8Array> {
  const invalid = (what: string, cause?: unknown): Text2LiveError =>
    new Text2LiveError(
      'RUN_INVALID',
      `Expected "${name}" to be a zip of a run's folder, but ${what}. Zip the folder that holds ${runFiles.config}, or take another copy.`,
      { cause },
    )
  const unzip = (filter: (file: { name: string; size: number; originalSize: number }) => boolean) => {
    try {
      return unzipSync(zip, { filter })
    } catch (cause) {
      if (cause instanceof Text2LiveError) throw cause
      throw invalid(`it cannot be read (${cause instanceof Error ? cause.message : String(cause)})`, cause)
    }
  }
  const sizes = new Map<string, number>()
  unzip(({ name: file, size, originalSize }) => {
    if (isOutside(file)) throw invalid(`it names a file outside of itself ("${file.slice(0, 100)}")`)
    if (sizes.has(file)) throw invalid(`it holds "${file.slice(0, 100)}" twice`)
    if (sizes.size >= mostFiles) throw invalid(`it holds more than ${mostFiles} files`)
    sizes.set(file, Math.max(size, originalSize))
    return false
  })
  const roots = [...sizes.keys()]
    .filter((file) => file === runFiles.config || file.endsWith(`/${runFiles.config}`))
    .map((file) => file.slice(0, -runFiles.config.length))
  const depth = (folder: string): number => folder.split('/').length
  const [root, other] = roots.sort((a, b) => depth(a) - depth(b))
  if (root === undefined) throw invalid(`it holds no ${runFiles.config}`)
  if (other !== undefined && depth(other) === depth(root)) throw invalid('it holds several runs')
  const isWanted = (file: string): boolean => {
    const own = file.slice(root.length)
    return file.startsWith(root) && (/^[\w-][\w.-]*$/.test(own) || isClipFileName(own))
  }
  const bytes = [...sizes].reduce((sum, [file, size]) => sum + (isWanted(file) ? size : 0), 0)
  if (bytes > most) throw invalid(`it unfolds into ${bytes} bytes, more than the ${most} that a run may have`)
  const files = unzip(({ name: file }) => isWanted(file))
  return new Map(Object.entries(files).map(([file, data]) => [file.slice(root.length), data]))
}

const isOutside = (file: string): boolean =>
  file.startsWith('/') || /[\\\0]|^[a-z]:/i.test(file) || file.split('/').includes('..')
