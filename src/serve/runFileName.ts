import { outputFiles } from '../session/events.js'
import { runFiles } from '../session/runFiles.js'
import { isClipFileName } from '../session/video/videoFiles.js'

const fixed: ReadonlySet<string> = new Set([
  runFiles.config,
  runFiles.events,
  runFiles.checkpoint,
  runFiles.below,
  ...Object.values(outputFiles),
])
const varying = /^[\w-][\w.-]*\.(?:png|jpe?g|webp|avif|tiff?)$|^previews\/step-\d{6,9}\.png$/

/** Is it the name of a file that a run has? Whatever else lies in its folder is not handed out or taken in. */
export const isRunFileName = (name: string): boolean => fixed.has(name) || varying.test(name) || isClipFileName(name)

const types: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  avif: 'image/avif',
  tiff: 'image/tiff',
  svg: 'image/svg+xml',
  mp4: 'video/mp4',
  webm: 'video/webm',
  mov: 'video/quicktime',
  psd: 'image/vnd.adobe.photoshop',
  ora: 'image/openraster',
  yaml: 'text/plain; charset=utf-8',
  ndjson: 'application/x-ndjson',
  json: 'application/json',
}

/** The media type of a run's file. */
export const runFileType = (name: string): string =>
  types[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream'
