import { Text2LiveError } from '../../errors.js'
import type { LayerName } from '../../atlas/layeredAtlas.js'
import { validateOptions } from '../../options/resolveSettings.js'
import { isPrintable } from '../../printable.js'
import { eventLine } from '../events.js'
import { previewFile, runFiles } from '../runFiles.js'
import { assertSteps, RunControl } from '../runControl.js'
import type {
  AnyRunEvent,
  HostUpdate,
  NamedFile,
  NewClipRun,
  NewPhotoRun,
  NewRun,
  RunEntry,
  RunRequest,
  RunState,
} from '../runHost.js'
import { assertOverByName, type Below, takeLayers } from '../takeLayers.js'
import { checksHere } from './checksHere.js'
import { isFit } from '../video/atlasStage.js'
import { takeClips } from '../video/takeClips.js'
import { clipPreviewFile, paintedFile, videoFiles, videoOutputFiles } from '../video/videoFiles.js'
import type { PreparedRun, QueueChecks, QueuedJob, QueueMachine } from './queueMachine.js'
import { type QueueNotes, readQueueNotes, type RunNote } from './queueNotes.js'
import { isClipStage } from '../videoEvents.js'
import { readStoredRun } from './readStoredRun.js'
import { freeName, runStem, stemOf } from './runName.js'
import type { StoredRun } from './storedRun.js'

/** Most runs that may wait at once. */
const mostWaiting = 500
const longestTitle = 300
/** Runs that are read at once when a queue is opened. */
const readAtOnce = 8

interface QueuedRun {
  stored: StoredRun
  note: RunNote
  /** Who else is at work on it. */
  holder: string | null
}

/** A run that is being worked on. */
interface Current {
  readonly name: string
  readonly stop: AbortController
  readonly control: RunControl
  /** The queue ends, and the run keeps its place for the next one. */
  keepsPlace: boolean
  readonly ended: Promise<void>
}

/**
 * Runs that wait their turn and are worked on one after another. A submitted run is a run in a store from its first
 * moment, and how it stands is read from its own files: a machine that dies forgets nothing, and the next queue over
 * the same runs goes on with the one that was at work and with those that waited. Besides the runs' files there is one
 * small file with the order, the titles and the times.
 */
export class RunQueue {
  readonly #machine: QueueMachine
  readonly #checks: QueueChecks
  readonly #listeners = new Set<(update: HostUpdate) => void>()
  readonly #runs = new Map<string, QueuedRun>()
  #order: string[] = []
  #current: Current | null = null
  #working: Promise<void> = Promise.resolve()
  #isWorking = false
  #closed = false
  #saving: Promise<void> = Promise.resolve()
  #making: Promise<unknown> = Promise.resolve()

  private constructor(machine: QueueMachine) {
    this.#machine = machine
    this.#checks = machine.checks ?? checksHere(machine)
  }

  /** Takes up what is there, and begins to work. */
  static async open(machine: QueueMachine): Promise<RunQueue> {
    const queue = new RunQueue(machine)
    await queue.#takeUp(readQueueNotes(await machine.runs.readQueue()))
    queue.#work()
    return queue
  }

  /** All runs, those that wait or are at work first, in the order of the queue, then the others, the latest first. */
  get runs(): readonly RunEntry[] {
    const rest = [...this.#runs.keys()].filter((name) => !this.#order.includes(name))
    const created = (name: string): number => this.#runs.get(name)!.note.created
    return [...this.#order, ...rest.sort((a, b) => created(b) - created(a))].map((name) => this.#entry(name))
  }

  /** Tells all runs at once, then whatever changes. @returns ends it */
  watch(listener: (update: HostUpdate) => void): () => void {
    this.#listeners.add(listener)
    listener({ type: 'runs', runs: this.runs })
    return () => this.#listeners.delete(listener)
  }

  /**
   * Checks everything that a person can get wrong, keeps the run and puts it last.
   * @returns its name
   * @throws OPTION_*, PROMPT_*, INPUT_*, CLIP_*, MASK_INVALID, DISK_FULL; RUN_NOT_FOUND, RUN_INVALID, ATLAS_MISMATCH
   *   for what it stands on, or takes the atlas of
   */
  async submit(run: NewRun): Promise<string> {
    this.#assertRoom()
    const { files, told } = run.kind === 'clip' ? await this.#preparedClip(run) : await this.#preparedPhoto(run)
    const stem = run.kind === 'clip' ? runStem(run.clip.name) : stemOf(run.photo)
    const name = await this.#make(stem, { ...files, [runFiles.events]: told.map(eventLine).join('') })
    await this.#add(name, { created: Date.now(), submitted: true })
    this.#order.push(name)
    await this.#changed()
    for (const event of told) this.#tell({ type: 'event', run: name, event })
    this.#work()
    return name
  }

  async #preparedPhoto({ options, photo, mask, over }: NewPhotoRun): Promise<PreparedRun> {
    if ((options.seeds ?? 1) !== 1)
      throw new Text2LiveError(
        'OPTION_INVALID',
        `Expected one seed for a run of the queue, got ${options.seeds} seeds. Submit one run for each seed.`,
      )
    return await this.#checks.prepare({
      // Paths are of the machine of whoever asks: pictures come as they are, and runs by their names here.
      layers: [{ ...options, photo: null, mask: null, over: null }],
      photo,
      mask,
      ...(await this.#standingOn(over)),
    })
  }

  async #preparedClip({ options, clip, object, mask, over = [] }: NewClipRun): Promise<PreparedRun> {
    assertOverByName(options)
    for (const name of over) this.#find(name)
    const { clips, runs } = this.#machine
    const below = over.length === 0 ? {} : { below: await takeClips(over, (name) => runs.look(name), clips) }
    const atlas = options.atlas ?? over[0] ?? null
    return await this.#checks.prepareClip({
      options,
      clip,
      object: object.length === 0 ? null : object,
      mask,
      atlas: atlas === null || isFit(atlas) ? null : await this.#atlasOf(atlas),
      ...below,
    })
  }

  async #atlasOf(name: string): Promise<Uint8Array> {
    this.#find(name)
    const atlas = await (await this.#machine.runs.look(name)).read(videoFiles.atlas)
    if (atlas !== null) return atlas
    throw new Text2LiveError(
      'INPUT_NOT_FOUND',
      `The atlas of the run "${name}" is asked for, and that run has none (yet). Let it finish, or choose the atlas fast or neural.`,
    )
  }

  /**
   * Takes a run that another host made; it does not wait, `go` lets it go on.
   * @param files of a run folder, by their names in it; what is no file of a run is left
   * @param name what it was called
   * @returns its name here
   * @throws RUN_INVALID, CONFIG_*, INPUT_*, MASK_INVALID, CHECKPOINT_*, DISK_FULL
   */
  async bring(files: ReadonlyMap<string, Uint8Array>, name: string): Promise<string> {
    const checked = await this.#checks.brought(files, name)
    const kept = await this.#make(
      runStem(name.replace(/-\d+(\.[^.]*)?$/, '')),
      Object.fromEntries(checked.map((file) => [file, files.get(file)!])),
    )
    await this.#add(kept, { created: Date.now() })
    await this.#changed()
    return kept
  }

  /**
   * Maps a painted layer to the frames of a clip's run, when its turn comes.
   * @param picture PNG of the size of the layer's atlas picture
   * @throws RUN_NOT_FOUND, OPTION_INVALID, INPUT_*, RUN_LOCKED, DISK_FULL
   */
  async paint(name: string, layer: LayerName, picture: Uint8Array): Promise<void> {
    const run = this.#find(name)
    const state = this.#state(name)
    if (run.holder !== null) throw heldElsewhere(name, run.holder)
    if (state === 'running' || state === 'waiting')
      throw refused(name, 'be painted on', `it is ${state}; wait until it has ended`)
    const atlasFile = videoOutputFiles[`${layer}Atlas`]
    const atlas = run.stored.kind === 'clip' ? await (await this.#machine.runs.look(name)).read(atlasFile) : null
    if (atlas === null) throw refused(name, 'be painted on', 'it has no picture of an atlas; a clip has one at its end')
    const { codec } = this.#machine
    const { width, height } = (await codec.decodePhoto({ name: atlasFile, bytes: atlas })).pixels
    await codec.decodeLayer({ name: paintedFile(layer), bytes: picture }, { width, height })
    await this.#machine.runs.write(name, paintedFile(layer), picture)
    run.note.task = 'paint'
    this.#enqueue(name)
    await this.#changed()
    this.#work()
  }

  /**
   * Another mask for the run of a photo that is at work, from its next step on; null for none.
   * @throws RUN_NOT_FOUND, RUN_LOCKED, OPTION_INVALID
   */
  setMask(name: string, mask: NamedFile | null): void {
    const run = this.#find(name)
    if (run.holder !== null) throw heldElsewhere(name, run.holder)
    if (run.stored.kind === 'clip')
      throw refused(name, 'take another mask', 'a clip keeps the one that it began with; submit another run')
    if (this.#current?.name !== name)
      throw refused(name, 'take another mask', `it is ${this.#state(name)}; only a run at work can`)
    this.#current.control.setMask(mask)
  }

  /** @throws RUN_NOT_FOUND, OPTION_INVALID for what makes no sense in the run's state */
  async ask(name: string, request: RunRequest): Promise<void> {
    const run = this.#find(name)
    const { state, step } = this.#entry(name)
    const current = this.#current?.name === name ? this.#current : null
    if (run.holder !== null && request.do !== 'rename') throw heldElsewhere(name, run.holder)
    switch (request.do) {
      case 'go':
        if (state === 'finished')
          throw refused(name, 'go on', 'it has made all its steps; ask for more steps to train it further')
        if (current !== null) {
          delete run.note.held
          current.control.go()
        } else if (state === 'stopped' || state === 'failed') this.#enqueue(name)
        break
      case 'pause':
        if (current === null) throw refused(name, 'be held', `it is ${state}; only a run at work can be held`)
        run.note.held = true
        current.control.pause()
        break
      case 'stop':
        if (current !== null) {
          delete run.note.held
          current.stop.abort()
        } else this.#leave(name)
        break
      case 'steps':
        assertSteps(request.steps)
        validateOptions({ steps: request.steps })
        if (state === 'finished' && request.steps <= step)
          throw refused(name, `end at step ${request.steps}`, `it has made ${step} steps; ask for more`)
        run.note.steps = request.steps
        current?.control.continueTo(request.steps)
        if (state === 'finished') this.#enqueue(name)
        break
      case 'rename':
        run.note.title = checkedTitle(request.title)
        break
      case 'move':
        if (state !== 'waiting') throw refused(name, 'be moved', `it is ${state}; only a run that waits has a place`)
        this.#move(name, request.place)
        break
      case 'render':
        if (current !== null || state === 'waiting')
          throw refused(name, 'be rendered', `it is ${state}, and its outputs are written when it ends`)
        if (step === 0) throw refused(name, 'be rendered', 'it has made no step yet; let it go on first')
        run.note.task = 'render'
        this.#enqueue(name)
        break
      case 'delete':
        await this.#delete(name, current)
        break
    }
    await this.#changed()
    this.#work()
  }

  /**
   * Takes in what others did to runs: those that they made, deleted, went on with or are at work on.
   * @param names of runs that may have changed
   */
  async refresh(names: Iterable<string>): Promise<void> {
    let changed = false
    for (const name of names) {
      if (this.#current?.name === name) continue
      const before = this.#runs.get(name)
      await this.#add(name, before?.note ?? null)
      changed ||= JSON.stringify(before) !== JSON.stringify(this.#runs.get(name))
    }
    if (!changed || this.#closed) return
    await this.#changed()
    this.#work()
  }

  /**
   * Ends the work: the run at hand finishes its step and writes what it has reached, and keeps its place for the next
   * queue over these runs.
   */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#current !== null) {
      this.#current.keepsPlace = true
      this.#current.stop.abort()
    }
    await this.#working
    await this.#saving.catch(() => undefined)
    this.#listeners.clear()
  }

  async #takeUp({ order, runs: notes }: QueueNotes): Promise<void> {
    const names = [...(await this.#machine.runs.names())]
    const next = names.values()
    const read = async (): Promise<void> => {
      for (const name of next) await this.#add(name, notes[name] ?? null)
    }
    await Promise.all(Array.from({ length: readAtOnce }, read))
    this.#order = [...new Set(order)].filter((name) => {
      const note = this.#runs.get(name)?.note
      return note !== undefined && note.held !== true
    })
    for (const { note } of this.#runs.values()) delete note.held
  }

  /** A folder that is no run, or none that can be read, is left out, and one that is gone. */
  async #add(name: string, known: RunNote | null): Promise<void> {
    try {
      const files = await this.#machine.runs.look(name)
      const note = known ?? { created: files.created ?? Date.now() }
      this.#runs.set(name, { stored: await readStoredRun(files), note, holder: files.holder ?? null })
    } catch (error) {
      if (!(error instanceof Text2LiveError)) throw error
      this.#runs.delete(name)
      this.#leave(name)
    }
  }

  async #standingOn(over: readonly string[] = []): Promise<{ readonly below?: Below }> {
    for (const name of over) this.#find(name)
    return over.length === 0 ? {} : { below: await takeLayers(over, (name) => this.#machine.runs.look(name)) }
  }

  /** One after another, so that no two take the same name. */
  async #make(stem: string, contents: Readonly<Record<string, Uint8Array | string>>): Promise<string> {
    const made = this.#making.then(async () => {
      const store = await this.#machine.runs.make(freeName(stem, await this.#machine.runs.names()), contents)
      store.release()
      return store.name
    })
    this.#making = made.catch(() => undefined)
    return await made
  }

  #enqueue(name: string): void {
    this.#assertRoom()
    const { note } = this.#runs.get(name)!
    delete note.error
    this.#order.push(name)
  }

  #leave(name: string): void {
    this.#order = this.#order.filter((each) => each !== name)
    delete this.#runs.get(name)?.note.task
  }

  #move(name: string, place: number): void {
    if (!Number.isInteger(place) || place < 0)
      throw new Text2LiveError('OPTION_INVALID', `Expected a place in the queue from 0, got ${place}.`)
    const others = this.#order.filter((each) => each !== name)
    others.splice(place + (this.#current === null ? 0 : 1), 0, name)
    this.#order = others
  }

  async #delete(name: string, current: Current | null): Promise<void> {
    current?.stop.abort()
    await current?.ended
    this.#leave(name)
    await this.#machine.runs.delete(name).catch(async (error: unknown) => {
      await this.#changed()
      throw error
    })
    this.#runs.delete(name)
  }

  #work(): void {
    if (this.#isWorking) return
    this.#isWorking = true
    this.#working = this.#workThrough()
  }

  async #workThrough(): Promise<void> {
    for (let name = this.#next(); name !== undefined && !this.#closed; name = this.#next()) await this.#workOn(name)
    this.#isWorking = false
  }

  /** What another process is at work on keeps its place, and is not taken. */
  #next(): string | undefined {
    return this.#order.find((name) => this.#runs.get(name)?.holder === null)
  }

  async #workOn(name: string): Promise<void> {
    const run = this.#runs.get(name)!
    const { note } = run
    this.#order = [name, ...this.#order.filter((each) => each !== name)]
    let end = (): void => undefined
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    const [stop, control] = [new AbortController(), new RunControl()]
    const current: Current = { name, stop, control, keepsPlace: false, ended }
    this.#current = current
    this.#tellRuns()
    try {
      await this.#machine.work(this.#job(name), stop.signal, (event) => this.#follow(name, event), control)
      if (!current.keepsPlace) delete note.steps
    } catch (error) {
      if (error instanceof Text2LiveError && error.code === 'RUN_LOCKED') current.keepsPlace = true
      else if (!(stop.signal.aborted && error instanceof Text2LiveError && error.code === 'INTERRUPTED'))
        this.#fail(name, note, error)
    }
    if (!current.keepsPlace) {
      delete note.held
      this.#leave(name)
    }
    const wasLocked = current.keepsPlace && !this.#closed
    await this.#add(name, note)
    // Whoever had it may be gone already: the next look at the runs tells, and it is not tried on and on until then.
    const again = this.#runs.get(name)
    if (wasLocked && again !== undefined) again.holder ??= 'another process'
    this.#current = null
    end()
    await this.#changed().catch((error: unknown) => {
      // Whoever watches hears of it; the runs' own files say how they stand.
      this.#tell({ type: 'event', run: name, event: { type: 'warning', message: messageOf(error) } })
    })
  }

  #job(name: string): QueuedJob {
    const { note, stored } = this.#runs.get(name)!
    if (note.task !== undefined) return { kind: note.task, run: name }
    const { steps, submitted } = note
    return {
      kind: 'resume',
      run: name,
      options: {
        ...(steps === undefined ? {} : { steps }),
        // Who submitted the run named its models, so they may be fetched.
        ...(submitted === true ? { guidance: stored.settings.guidance } : {}),
      },
    }
  }

  #fail(name: string, note: RunNote, error: unknown): void {
    const code = error instanceof Text2LiveError ? error.code : null
    const message = messageOf(error)
    note.error = { code, message }
    this.#tell({ type: 'event', run: name, event: { type: 'error', code: code ?? 'INTERNAL', message } })
  }

  /** Takes from an event what the list shows. */
  #follow(name: string, event: AnyRunEvent): void {
    const run = this.#runs.get(name)
    if (run !== undefined) run.stored = followed(run.stored, event)
    this.#tell({ type: 'event', run: name, event })
    // The list shows the stages of clips alone.
    const shown = event.type !== 'stage-start' || run?.stored.kind === 'clip'
    if (shown && listed.has(event.type)) this.#tellRuns()
  }

  #entry(name: string): RunEntry {
    const { stored, note, holder } = this.#find(name)
    const { step, over, thumbnail } = stored
    const state = this.#state(name)
    const steps = note.steps === undefined ? {} : { steps: note.steps }
    const of =
      stored.kind === 'clip'
        ? { kind: stored.kind, settings: { ...stored.settings, ...steps }, stage: stored.stage }
        : { kind: stored.kind, settings: { ...stored.settings, ...steps } }
    return {
      ...of,
      name,
      state,
      title: note.title ?? titleOf(stored, name),
      step,
      over,
      thumbnail,
      created: note.created,
      error:
        holder !== null
          ? { code: 'RUN_LOCKED', message: heldElsewhere(name, holder).message }
          : state === 'failed'
            ? (note.error ?? stored.error)
            : null,
    }
  }

  #state(name: string): RunState {
    const { stored, note, holder } = this.#find(name)
    if (this.#current?.name === name) return this.#current.control.held ? 'paused' : 'running'
    if (holder !== null) return 'running'
    if (this.#order.includes(name)) return 'waiting'
    if (note.error !== undefined || stored.error !== null) return 'failed'
    return stored.finished ? 'finished' : 'stopped'
  }

  #find(name: string): QueuedRun {
    const run = this.#runs.get(name)
    if (run !== undefined) return run
    throw new Text2LiveError(
      'RUN_NOT_FOUND',
      `There should be a run "${name}" here, but there is none. It may have been deleted.`,
    )
  }

  #assertRoom(): void {
    if (this.#order.length < mostWaiting) return
    throw new Text2LiveError(
      'OPTION_INVALID',
      `Expected at most ${mostWaiting} runs that wait, and so many wait already. Let some end, or take some out.`,
    )
  }

  /** What changed is kept, then told. */
  async #changed(): Promise<void> {
    this.#tellRuns()
    // Each writes the state of its own moment; the one after a failure tries anew.
    const saved = this.#saving.catch(() => undefined).then(() => this.#machine.runs.writeQueue(this.#written()))
    this.#saving = saved
    await saved
  }

  #written(): string {
    const runs = Object.fromEntries([...this.#runs].map(([name, { note }]) => [name, note]))
    return JSON.stringify({ version: 1, order: this.#order, runs } satisfies QueueNotes)
  }

  #tellRuns(): void {
    this.#tell({ type: 'runs', runs: this.runs })
  }

  #tell(update: HostUpdate): void {
    for (const listener of this.#listeners) listener(update)
  }
}

/** Events after which the list of runs looks otherwise. */
const listed: ReadonlySet<string> = new Set([
  'resumed',
  'preview',
  'run-start',
  'stage-start',
  'paused',
  'going-on',
  'steps',
  'mask',
])

/** What is known of a run after an event of its kind. */
function followed(stored: StoredRun, event: AnyRunEvent): StoredRun {
  if (event.type === 'step') return { ...stored, step: event.step }
  if (stored.kind === 'clip') {
    if (event.type === 'stage-start') return isClipStage(event.stage) ? { ...stored, stage: event.stage } : stored
    if (event.type === 'preview' && 'layer' in event)
      return { ...stored, thumbnail: clipPreviewFile(event.layer, event.step) }
    return event.type === 'run-start' && 'clip' in event ? { ...stored, settings: event.settings } : stored
  }
  if (event.type === 'resumed' && 'step' in event) return { ...stored, step: event.step }
  if (event.type === 'preview') return { ...stored, thumbnail: previewFile(event.step) }
  if (event.type === 'mask') return { ...stored, settings: { ...stored.settings, mask: event.file ?? null } }
  return event.type === 'run-start' && 'photo' in event ? { ...stored, settings: event.settings } : stored
}

/** The words of the edit. A clip's layers may have words of their own, and a fitted atlas alone has none. */
function titleOf({ kind, settings }: StoredRun, name: string): string {
  if (kind === 'photo') return settings.prompt.join(', ')
  const { prompt, foregroundPrompt, backgroundPrompt } = settings
  return [...prompt, ...foregroundPrompt, ...backgroundPrompt].join(', ') || name
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const heldElsewhere = (name: string, holder: string): Text2LiveError =>
  new Text2LiveError(
    'RUN_LOCKED',
    `The run "${name}" is in use: ${holder} is at work on it, outside this queue. Wait for it, or stop it there.`,
  )

const refused = (name: string, what: string, why: string): Text2LiveError =>
  new Text2LiveError('OPTION_INVALID', `The run "${name}" cannot ${what}: ${why}.`)

/** @throws OPTION_INVALID */
function checkedTitle(title: string): string {
  const text = title.trim()
  if (text.length >= 1 && text.length <= longestTitle && isPrintable(text) && !/[\n\t]/.test(text)) return text
  throw new Text2LiveError(
    'OPTION_INVALID',
    `Expected a title of 1 to ${longestTitle} characters in one line, got ${text.length} characters.`,
  )
}
