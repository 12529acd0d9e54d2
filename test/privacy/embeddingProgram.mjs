// A program that embeds the library. Usage: node embeddingProgram.mjs <how> <what> [anything else]
// how: "main"; or "worker" (imports us only there), "worker-own-env" (the variable is in the worker's copy alone),
// "worker-share-env", "worker-after-main" (the main thread imports us too) what: "session" (the first of ONNX Runtime:
// the moment at which it would begin), "edit <photo> <out>", "prompt <photo> <length>", "clip <clip> <out>"
import { SHARE_ENV, Worker, isMainThread } from 'node:worker_threads'

const [how, what, path, more] = process.argv.slice(2)
const built = (path) => new URL(`../../dist/${path}`, import.meta.url)
const library = built('index.js')
/** The whole method at toy size. */
const toy = {
  preset: 'preview',
  steps: 1,
  size: 192,
  views: 1,
  generatorWidth: 8,
  scaleMin: 1,
  scaleMax: 1,
  cropsMinCover: 1,
}

async function use() {
  const { editImage, readClip, writeClip } = await import(library)
  const device = 'cpu'
  if (what === 'session') {
    const { loadOnnxRuntime } = await import(built('engine/node/loadOnnxRuntime.js'))
    const { InferenceSession } = loadOnnxRuntime()
    return await InferenceSession.create(new Uint8Array(3)).catch((error) => `answered: ${error.message}`)
  }
  if (what === 'clip') {
    const { frames, timing } = await readClip(path, { frames: 5, size: 128 })
    const { width, height } = await writeClip(more, {
      format: 'mp4',
      width: frames.width,
      height: frames.height,
      frames: frames.pixels,
      timing,
    })
    return `${width}x${height}`
  }
  const asked =
    what === 'prompt'
      ? { prompt: 'golden '.repeat(Math.ceil(more / 7)).slice(0, more) }
      : { prompt: 'golden teapot', out: more }
  await editImage({ photo: path, ...toy, source: 'teapot', device, ...asked }).result
  return 'edited'
}

if (isMainThread && how !== 'main') {
  if (how === 'worker-after-main') await import(library)
  const env = { 'worker-own-env': { ORT_DISABLE_TELEMETRY: '1' }, 'worker-share-env': SHARE_ENV }[how]
  new Worker(new URL(import.meta.url), { argv: process.argv.slice(2), ...(env === undefined ? {} : { env }) })
} else {
  process.stdout.write(
    await use().then(
      (answer) => `done: ${answer}\n`,
      (error) => `${error.code}: ${error.message}\n`,
    ),
  )
}
