import type { LayerName } from '../../atlas/layeredAtlas.js'
import { Text2LiveError } from '../../errors.js'
import type { VideoSettings } from '../../options/videoOptions.js'
import { checkedEvents, keptBytes } from '../eventLog.js'
import { eventLine } from '../events.js'
import type { GuidanceAccess } from '../guidanceAccess.js'
import type { RunLog, RunStore } from '../store.js'
import type { ClipMachine } from './clipMachine.js'
import type { VideoFingerprint } from './stageCheckpoint.js'
import { startStageMeter } from './stageMeter.js'
import type { StageName, VideoEvent, VideoStartEvent } from '../videoEvents.js'
import { stageReport, type StageReport } from './stageReport.js'
import { videoFiles } from './videoFiles.js'
import type { VideoInput } from './videoInput.js'

export type EmitVideo = (event: VideoEvent) => void

/** What every stage works with. */
export interface StageTools {
  readonly settings: VideoSettings
  readonly input: VideoInput
  readonly store: RunStore
  readonly machine: ClipMachine
  readonly fingerprint: VideoFingerprint
  readonly access: GuidanceAccess
  /** Aborts with an INTERRUPTED error as its reason. */
  readonly signal: AbortSignal
  readonly emit: EmitVideo
  /** How far the stage is; told to the outside about twice a second. */
  readonly report: StageReport
  /** All events of the run's log so far, those of earlier processes first. */
  readonly events: () => readonly VideoEvent[]
}

type SessionBase = Omit<StageTools, 'emit' | 'report' | 'events'>

/**
 * One run over a clip in this process: its event log, and the stages one after the other with their time and memory.
 */
export class VideoSession {
  readonly #started = performance.now()
  readonly #log: RunLog
  readonly #events: VideoEvent[]
  readonly #emitOutside: EmitVideo
  #stage: StageName = 'clip'

  private constructor(
    readonly base: SessionBase,
    emitOutside: EmitVideo,
    log: RunLog,
    before: readonly VideoEvent[],
  ) {
    this.#emitOutside = emitOutside
    this.#log = log
    this.#events = [...before]
  }

  /**
   * Takes up the run's log.
   * @param beyond holds for the first event that is taken back, with all that followed it
   * @throws RUN_INVALID for events that none of ours is
   */
  static async open(
    base: SessionBase,
    emitOutside: EmitVideo,
    beyond: (event: VideoEvent) => boolean = () => false,
  ): Promise<VideoSession> {
    const { store } = base
    const bytes = await store.read(videoFiles.events)
    // Behind the half of a line, which a killed process may have left, nothing would be read.
    const keep = keptBytes(bytes, (event) => beyond(event as VideoEvent))
    const before = checkedEvents(bytes?.subarray(0, keep) ?? null, store.file(videoFiles.events)) as VideoEvent[]
    return new VideoSession(base, emitOutside, await store.openLog(videoFiles.events, keep), before)
  }

  readonly emit: EmitVideo = (event) => {
    this.#write(event)
    this.#emitOutside(event)
  }

  /** @param early events from before the store was made, which the outside has heard already */
  begin(early: readonly VideoEvent[]): void {
    for (const event of early) this.#write(event)
    const { settings, input, store } = this.base
    const { width, height } = input.clip.sourceSize
    const { timestamps, durations } = input.clip.timing
    const seconds = (timestamps.at(-1) ?? 0) + (durations.at(-1) ?? 0) - (timestamps[0] ?? 0)
    const clip = { width, height, frames: input.frames.pixels.length, seconds }
    this.emit({
      type: 'run-start',
      settings,
      folder: store.path,
      clip,
      frame: { width: input.frames.width, height: input.frames.height },
    } satisfies VideoStartEvent)
  }

  /** Runs one stage and says when it begins, how far it is, and what it took, also where it fails. */
  async stage<T>(stage: StageName, work: (tools: StageTools) => Promise<T>, layer?: LayerName): Promise<T> {
    const of = { stage, ...(layer === undefined ? {} : { layer }) }
    this.#stage = stage
    this.emit({ type: 'stage-start', ...of })
    const meter = startStageMeter(this.base.machine)
    const report = stageReport(stage, this.emit)
    try {
      this.base.signal.throwIfAborted()
      const result = await work({ ...this.base, emit: this.emit, report, events: () => this.#events })
      this.emit({ type: 'stage-done', ...of, ...meter.stop() })
      return result
    } catch (error) {
      this.#append({ type: 'stage-done', ...of, ...meter.stop(), stopped: true })
      throw error
    }
  }

  done(): void {
    this.emit({ type: 'done', seconds: this.#seconds(), folder: this.base.store.path })
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
      folder: this.base.store.path,
    } as const
    this.#append(event)
    this.#emitOutside(event)
  }

  close(): void {
    this.#log.close()
    this.base.store.release()
  }

  #write(event: VideoEvent): void {
    this.#log.append(eventLine(event))
    // A preview is in its file.
    this.#events.push(event.type === 'preview' ? { ...event, png: new Uint8Array(0) } : event)
  }

  /** Writes to the log as far as the disk allows. */
  #append(event: VideoEvent): void {
    try {
      this.#write(event)
    } catch (error) {
      if (!(error instanceof Text2LiveError)) throw error
    }
  }

  #seconds(): number {
    return (performance.now() - this.#started) / 1000
  }
}
