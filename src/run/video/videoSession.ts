import type { LayerName } from '../../atlas/layeredAtlas.js'
import { Text2LiveError } from '../../errors.js'
import type { VideoSettings } from '../../options/videoOptions.js'
import { EventLog } from '../eventLog.js'
import type { GuidanceAccess } from '../../session/guidanceAccess.js'
import type { RunFolder } from '../runFolder.js'
import type { VideoFingerprint } from './stageCheckpoint.js'
import { startStageMeter } from './stageMeter.js'
import type { StageName, VideoEvent, VideoStartEvent } from '../../session/videoEvents.js'
import { stageReport, type StageReport } from './stageReport.js'
import { videoFiles } from './videoFiles.js'
import type { VideoInput } from './videoInput.js'

export type EmitVideo = (event: VideoEvent) => void

/** What every stage works with. */
export interface StageTools {
  readonly settings: VideoSettings
  readonly input: VideoInput
  readonly folder: RunFolder
  readonly fingerprint: VideoFingerprint
  readonly access: GuidanceAccess
  /** Aborts with an INTERRUPTED error as its reason. */
  readonly signal: AbortSignal
  readonly emit: EmitVideo
  /** How far the stage is; told to the outside about twice a second. */
  readonly report: StageReport
}

/**
 * One run over a clip in this process: its event log, and the stages one after the other with their time and memory.
 */
export class VideoSession {
  readonly #started = performance.now()
  readonly #log: EventLog
  readonly #emitOutside: EmitVideo
  #stage: StageName = 'clip'

  constructor(
    readonly base: Omit<StageTools, 'emit' | 'report'>,
    emitOutside: EmitVideo,
  ) {
    this.#emitOutside = emitOutside
    this.#log = new EventLog(base.folder.file(videoFiles.events))
  }

  readonly emit: EmitVideo = (event) => {
    this.#log.append(event)
    this.#emitOutside(event)
  }

  /** @param early events from before the folder was made, which the outside has heard already */
  begin(early: readonly VideoEvent[]): void {
    for (const event of early) this.#log.append(event)
    const { settings, input, folder } = this.base
    const { width, height } = input.clip.sourceSize
    const { timestamps, durations } = input.clip.timing
    const seconds = (timestamps.at(-1) ?? 0) + (durations.at(-1) ?? 0) - (timestamps[0] ?? 0)
    const clip = { width, height, frames: input.frames.pixels.length, seconds }
    this.emit({
      type: 'run-start',
      settings,
      folder: folder.path,
      clip,
      frame: { width: input.frames.width, height: input.frames.height },
    } satisfies VideoStartEvent)
  }

  /** Runs one stage and says when it begins, how far it is, and what it took, also where it fails. */
  async stage<T>(stage: StageName, work: (tools: StageTools) => Promise<T>, layer?: LayerName): Promise<T> {
    const of = { stage, ...(layer === undefined ? {} : { layer }) }
    this.#stage = stage
    this.emit({ type: 'stage-start', ...of })
    const meter = startStageMeter()
    const report = stageReport(stage, this.emit)
    try {
      this.base.signal.throwIfAborted()
      const result = await work({ ...this.base, emit: this.emit, report })
      this.emit({ type: 'stage-done', ...of, ...meter.stop() })
      return result
    } catch (error) {
      this.#append({ type: 'stage-done', ...of, ...meter.stop(), stopped: true })
      throw error
    }
  }

  done(): void {
    this.emit({ type: 'done', seconds: this.#seconds(), folder: this.base.folder.path })
  }

  /** Says how the run ended: interrupted, or with an error, which the caller hears too. */
  fail(error: unknown): void {
    if (!(error instanceof Text2LiveError)) return
    if (error.code !== 'INTERRUPTED') {
      this.#append({ type: 'error', code: error.code, message: error.message })
      return
    }
    const event = {
      type: 'interrupted',
      stage: this.#stage,
      seconds: this.#seconds(),
      folder: this.base.folder.path,
    } as const
    this.#append(event)
    this.#emitOutside(event)
  }

  close(): void {
    this.#log.close()
    this.base.folder.release()
  }

  /** Writes to the log as far as the disk allows. */
  #append(event: VideoEvent): void {
    try {
      this.#log.append(event)
    } catch (error) {
      if (!(error instanceof Text2LiveError)) throw error
    }
  }

  #seconds(): number {
    return (performance.now() - this.#started) / 1000
  }
}
