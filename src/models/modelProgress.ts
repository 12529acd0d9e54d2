/** How far the download of a model is; comes with each file and about once a second. */
export interface ModelProgress {
  readonly type: 'model-download'
  /** The name it was asked for by. */
  readonly model: string
  /** The file that is being fetched. */
  readonly file: string
  /** Of all files of the model, those from before included. */
  readonly bytes: number
  readonly total: number
  /** Estimated from the last seconds; null until there is something to estimate from. */
  readonly secondsLeft: number | null
}

export type OnProgress = (progress: ModelProgress) => void

/** Milliseconds between two reports. */
const interval = 1000
/** Seconds that the speed is taken over. */
const memory = 10

/** Counts the bytes of one model over its files. */
export function countProgress(
  model: string,
  total: number,
  onProgress: OnProgress,
): { at(file: string, bytes: number): void; done(file: string): void } {
  let reported = -Infinity
  let current = ''
  const seen: { time: number; bytes: number }[] = []
  const at = (file: string, bytes: number, always = false): void => {
    const time = performance.now()
    if (!always && file === current && time - reported < interval) return
    reported = time
    current = file
    seen.push({ time, bytes })
    while (seen.length > 2 && time - seen[1]!.time > memory * 1000) seen.shift()
    const first = seen[0]!
    const speed = (bytes - first.bytes) / ((time - first.time) / 1000)
    onProgress({
      type: 'model-download',
      model,
      file,
      bytes,
      total,
      secondsLeft: speed > 0 ? Math.max(0, total - bytes) / speed : null,
    })
  }
  return { at, done: (file) => at(file, total, true) }
}
