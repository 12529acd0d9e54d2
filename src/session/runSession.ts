import type { LayerName } from '../atlas/layeredAtlas.js'
import { Text2LiveError } from '../errors.js'
import type { PictureSource } from '../media/imageCodec.js'
import type { OptionTable } from '../options/optionTable.js'
import { writeTableConfig } from '../options/writeConfig.js'
import type { Fingerprint, Pictures } from './checkpoint.js'
import { checkedEvents, keptBytes } from './eventLog.js'
import { eventLine, type SessionEvent } from './events.js'
import type { GuidanceAccess } from './guidanceAccess.js'
import type { RunControl } from './runControl.js'
import type { RunMachine } from './runMachine.js'
import { runFiles } from './runFiles.js'
import { inStage, type StageReport } from './stages.js'
import type { RunLog, RunStore } from './store.js'
import { followControl } from './trainingLoop.js'

/** What runs differ in: those of photos, and those of clips. */
export interface RunKind {
  readonly settings: { readonly steps: number }
  readonly input: unknown
  readonly stage: string
  readonly event: { readonly type: string }
  readonly machine: RunMachine
}

/** What a run tells. */
type EventOf<Kind extends RunKind> = Kind['event'] | SessionEvent<Kind['stage']>

/** What a run works with. */
export interface Work<Kind extends RunKind> {
  readonly settings: Kind['settings']
  readonly input: Kind['input']
  /** What is hashed of the input: whose run a checkpoint is. */
  readonly pictures: Pictures
}

/** Everything that a run begins with. */
export interface SessionPlan<Kind extends RunKind> extends Work<Kind> {
  readonly machine: Kind['machine']
  readonly access: GuidanceAccess
  readonly signal: AbortSignal
  /** The hand of somebody who watches. */
  readonly control?: RunControl | undefined
  readonly emit: (event: EventOf<Kind>) => void
  /** Events from before, which the outside has heard: they go into the log. */
  readonly early: readonly EventOf<Kind>[]
  readonly rules: RunRules<Kind>
}

/** How all runs of a kind go. */
export interface RunRules<Kind extends RunKind> {
  /** Their options. */
  readonly table: OptionTable
  /** The stage that they are in at first. */
  readonly first: Kind['stage']
  /** Tells how far a stage is; absent where other events tell it. */
  readonly reporter?: (stage: Kind['stage'], emit: (event: Kind['event']) => void) => StageReport
  /** They can be held and stopped before each stage too, not among the steps of a training alone. */
  readonly yields: boolean
  /** Why they keep their mask; null for those that take another while they train. */
  readonly keepsMask: string | null
}

/** A training, as somebody can steer it. */
export interface SteeredTraining {
  readonly step: number
  keep(): Promise<void>
  preview(): Promise<void>
  changeMask?(picture: PictureSource | null): Promise<void>
}

/**
 * One run in this process, of a photo or a clip: its event log, its stages one after the other with their time and
 * memory, and what somebody who steers it asks.
 */
export class RunSession<Kind extends RunKind> {
  readonly machine: Kind['machine']
  readonly access: GuidanceAccess
  readonly signal: AbortSignal
  readonly control: RunControl | undefined
  readonly #plan: SessionPlan<Kind>
  readonly #started = performance.now()
  #work: Work<Kind>
  #store: RunStore | null = null
  #log: RunLog | null = null
  /** All that goes into the log, that of earlier processes first. */
  #events: EventOf<Kind>[]
  #at: { readonly stage: Kind['stage']; readonly layer?: LayerName }
  #report: StageReport = () => undefined

  constructor(plan: SessionPlan<Kind>) {
    this.#plan = plan
    this.#work = plan
    this.#events = [...plan.early]
    this.#at = { stage: plan.rules.first }
    this.machine = plan.machine
    this.access = plan.access
    this.signal = plan.signal
    this.control = plan.control
  }

  /** As they are now: the steps may change, and the mask. */
  get settings(): Kind['settings'] {
    return this.#work.settings
  }

  get input(): Kind['input'] {
    return this.#work.input
  }

  /** Goes on with other settings, input and pictures, which are kept already. */
  goOnWith(work: Work<Kind>): void {
    this.#work = work
  }

  get fingerprint(): Fingerprint<Kind['settings']> {
    const { settings, pictures } = this.#work
    return { settings, pictures }
  }

  /** Where the run is kept; null before it has begun, and of one that keeps nothing. */
  get kept(): RunStore | null {
    return this.#store
  }

  /** Of a run that is kept. */
  get store(): RunStore {
    if (this.#store === null) throw new RangeError('the run has no store')
    return this.#store
  }

  /** The stage at hand. */
  get at(): Kind['stage'] {
    return this.#at.stage
  }

  /** Since this process took the run up. */
  get seconds(): number {
    return (performance.now() - this.#started) / 1000
  }

  /** All events of the run's log so far, those of earlier processes first. */
  readonly events = (): readonly EventOf<Kind>[] => this.#events

  readonly emit = (event: EventOf<Kind>): void => {
    this.#write(event)
    this.#plan.emit(event)
  }

  /** How far the stage at hand is; told to the outside about twice a second. */
  readonly report: StageReport = (done, total, detail) => this.#report(done, total, detail)

  /**
   * Takes up the run's log, where the run is kept; what was told so far goes into it.
   * @param beyond holds for the first event of the log that is taken back, with all that followed it
   * @throws RUN_INVALID for events that none of ours is
   */
  async begin(store: RunStore | null, beyond: (event: EventOf<Kind>) => boolean = () => false): Promise<void> {
    this.#store = store
    if (store === null) return
    const early = this.#events
    const bytes = await store.read(runFiles.events)
    // Behind the half of a line, which a killed process may have left, nothing would be read.
    const keep = keptBytes(bytes, (event) => beyond(event as EventOf<Kind>))
    this.#events = checkedEvents(bytes?.subarray(0, keep) ?? null, store.file(runFiles.events)) as EventOf<Kind>[]
    this.#log = await store.openLog(runFiles.events, keep)
    for (const event of early) this.#write(event)
  }

  /** Runs one stage and says when it begins, how far it is, and what it took, also where it fails. */
  async stage<T>(stage: Kind['stage'], work: () => Promise<T>, layer?: LayerName): Promise<T> {
    const of = { stage, ...(layer === undefined ? {} : { layer }) }
    const { yields, reporter } = this.#plan.rules
    this.#at = of
    if (yields) await this.followControl()
    if (reporter !== undefined) this.#report = reporter(stage, this.emit)
    const begun = (): Promise<T> => {
      if (yields) this.signal.throwIfAborted()
      return work()
    }
    return await inStage(of, this.machine, this.emit, begun, this.#append)
  }

  /**
   * Does what was asked of the control, and holds the run here as long as it is to be held.
   * @param training what is being trained; without, a preview that is asked for waits until something is
   */
  readonly followControl = async (training?: SteeredTraining): Promise<void> => {
    const steps = (): number => this.settings.steps
    const { keepsMask } = this.#plan.rules
    const at = this.#at
    await followControl(this.control, this.signal, {
      get steps() {
        return steps()
      },
      keep: async () => await training?.keep(),
      held: (type) => this.emit({ type, ...at, ...(training === undefined ? {} : { step: training.step }) }),
      changeMask: async (picture) => {
        if (keepsMask === null) await training?.changeMask?.(picture)
        else this.emit({ type: 'warning', message: `The mask stays as it is: ${keepsMask}` })
      },
      changeSteps: async (steps) => {
        await this.#changeSteps(steps)
        this.emit({ type: 'steps', steps })
      },
      preview: training && (() => training.preview()),
    })
  }

  /** Other steps go into the settings, the kept ones too: the run goes on to that step when it is resumed. */
  async #changeSteps(steps: number): Promise<void> {
    this.#work = { ...this.#work, settings: { ...this.settings, steps } }
    await this.#store?.write(runFiles.config, writeTableConfig(this.#plan.rules.table, this.settings))
  }

  /** Tells the last of a run that was stopped, into its log as far as the disk allows. */
  stopped(event: EventOf<Kind>): void {
    this.#append(event)
    this.#plan.emit(event)
  }

  /** Writes the error to the log as far as the disk allows; the error itself is what the caller hears. */
  fail(error: unknown): void {
    if (error instanceof Text2LiveError) this.#append({ type: 'error', code: error.code, message: error.message })
  }

  close(): void {
    this.#log?.close()
    this.#log = null
    this.#store?.release()
  }

  #write(event: EventOf<Kind>): void {
    this.#log?.append(eventLine(event))
    // A preview is in its file.
    this.#events.push('png' in event ? ({ ...event, png: new Uint8Array(0) } as EventOf<Kind>) : event)
  }

  readonly #append = (event: EventOf<Kind>): void => {
    try {
      this.#write(event)
    } catch (error) {
      if (!(error instanceof Text2LiveError)) throw error
    }
  }
}
