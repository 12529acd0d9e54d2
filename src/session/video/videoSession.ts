import type { LayerName } from '../../atlas/layeredAtlas.js'
import { Text2LiveError } from '../../errors.js'
import type { VideoSettings } from '../../options/videoOptions.js'
import { checkedEvents, keptBytes } from '../eventLog.js'
import { eventLine } from '../events.js'
import type { GuidanceAccess } from '../guidanceAccess.js'
import { writeTableConfig } from '../../options/writeConfig.js'
import { videoTable } from '../../options/videoTable.js'
import type { RunControl } from '../runControl.js'
import type { RunLog, RunStore } from '../store.js'
import type { ClipMachine } from './clipMachine.js'
import type { VideoFingerprint } from './stageCheckpoint.js'
import { startStageMeter } from './stageMeter.js'
import type { StageName, VideoEvent, VideoStartEvent } from '../videoEvents.js'
import { followControl } from '../trainingLoop.js'
import { stageReport, type StageReport } from './stageReport.js'
import { videoFiles } from './videoFiles.js'
import type { VideoInput } from './videoInput.js'

export type EmitVideo = (event: VideoEvent) => void

/** What every stage works with; settings and fingerprint are as they are now, since the steps may change. */
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
  /** The hand of somebody who watches. */
  readonly control?: RunControl | undefined
  /** Does what was asked of the control, and holds the run here as long as it is to be held. */
  readonly followControl: (training?: SteeredTraining) => Promise<void>
  /** How far the stage is; told to the outside about twice a second. */
  readonly report: StageReport
  /** All events of the run's log so far, those of earlier processes first. */
  readonly events: () => readonly VideoEvent[]
}

/** The training of a layer, as somebody can steer it. */
export interface SteeredTraining {
  readonly step: number
  keep(): Promise<void>
  preview(): Promise<void>
}

type SessionBase = Omit<StageTools, 'emit' | 'report' | 'events' | 'followControl'>

/**
 * One run over a clip in this process: its event log, and the stages one after the other with their time and memory.
 */
export class VideoSession {
  readonly #started = performance.now()
  readonly #log: RunLog
  readonly #events: VideoEvent[]
  readonly #emitOutside: EmitVideo
  #at: { readonly stage: StageName; readonly layer?: LayerName } = { stage: 'clip' }
  #base: SessionBase

  private constructor(base: SessionBase, emitOutside: EmitVideo, log: RunLog, before: readonly VideoEvent[]) {
    this.#base = base
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

  get base(): SessionBase {
    return this.#base
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
    this.#at = of
    await this.followControl()
    this.emit({ type: 'stage-start', ...of })
    const meter = startStageMeter(this.base.machine)
    const report = stageReport(stage, this.emit)
    try {
      this.base.signal.throwIfAborted()
      const result = await work(this.#tools(report))
      this.emit({ type: 'stage-done', ...of, ...meter.stop() })
      return result
    } catch (error) {
      this.#append({ type: 'stage-done', ...of, ...meter.stop(), stopped: true })
      throw error
    }
  }

  #tools(report: StageReport): StageTools {
    const now = (): SessionBase => this.base
    return {
      ...this.base,
      get settings() {
        return now().settings
      },
      get fingerprint() {
        return now().fingerprint
      },
      emit: this.emit,
      report,
      events: () => this.#events,
      followControl: (training) => this.followControl(training),
    }
  }

  /**
   * Does what was asked of the control, and holds the run here as long as it is to be held.
   * @param training what is being trained; without, a preview that is asked for waits until something is
   */
  async followControl(training?: SteeredTraining): Promise<void> {
    const now = (): SessionBase => this.base
    const { control, signal } = now()
    const at = { ...this.#at, ...(training === undefined ? {} : { step: training.step }) }
    await followControl(control, signal, {
      get steps() {
        return now().settings.steps
      },
      keep: async () => await training?.keep(),
      held: (type) => this.emit({ type, ...at }),
      changeMask: () => {
        this.emit({
          type: 'warning',
          message:
            'The mask stays as it is: a run over a clip keeps the one that it began with. Start a new run with --mask.',
        })
        return Promise.resolve()
      },
      changeSteps: (steps) => this.#changeSteps(steps),
      preview: training && (() => training.preview()),
    })
  }

  /** Other steps go into the settings, the kept ones too: the run goes on to that step when it is resumed. */
  async #changeSteps(steps: number): Promise<void> {
    const settings = { ...this.base.settings, steps }
    await this.base.store.write(videoFiles.config, writeTableConfig(videoTable, settings))
    this.#base = { ...this.base, settings, fingerprint: { ...this.base.fingerprint, settings } }
    this.emit({ type: 'steps', steps })
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
      stage: this.#at.stage,
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
