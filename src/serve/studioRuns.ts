import { lstat, statfs } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Text2LiveError } from '../errors.js'
import { readHubEnvironment } from '../models/node/hubEnvironment.js'
import { listModels } from '../models/node/modelCache.js'
import { readModelName } from '../models/node/openModelSource.js'
import type { GivenOptions } from '../options/imageOptions.js'
import { photoPreview } from '../media/imageCodec.js'
import { imageTable } from '../options/imageTable.js'
import type { OptionTable } from '../options/optionTable.js'
import { resolveSettings, validateLayer } from '../options/resolveSettings.js'
import { videoTable } from '../options/videoTable.js'
import { taskInProcess } from '../run/taskInProcess.js'
import { nodeMachine } from '../run/nodeMachine.js'
import { portableGuidance } from '../run/portableGuidance.js'
import { chooseDevice } from '../run/probeDevice.js'
import { refuseLink } from '../run/runFile.js'
import { clipMachine } from '../run/video/clipMachine.js'
import type { EmitAny, QueueChecks, QueuedJob, QueueMachine } from '../session/queue/queueMachine.js'
import { readStoredRun } from '../session/queue/readStoredRun.js'
import { RunQueue } from '../session/queue/runQueue.js'
import { runFileNames, unzipRun, zipRun } from '../session/queue/runZip.js'
import type {
  HostMachine,
  HostUpdate,
  LocatedMap,
  LocateQuestion,
  NamedFile,
  NewRun,
  RunEntry,
  RunHost,
  RunRequest,
} from '../session/runHost.js'
import { drawSeed } from '../session/savedRun.js'
import type { RunControl } from '../session/runControl.js'
import { takeLayers } from '../session/takeLayers.js'
import { FolderRuns } from './folderRuns.js'
import { isRunFileName } from './runFileName.js'
import { openRunFile } from './runFilePieces.js'
import type { OpenFile, ServedRuns } from './servedRuns.js'

type Device = Awaited<ReturnType<typeof chooseDevice>>

/** Milliseconds between two looks at what others do in the folder. */
const lookEvery = 2_000
/** Bytes that a zip may unfold into: all of it is in memory for a moment. */
const mostUnzipped = 2 ** 30

/** Who does what takes long. */
export interface StudioWorkers {
  /** Does the jobs of the queue. */
  readonly work: QueueMachine['work']
  /** Checks what is submitted and brought; absent: this thread does. */
  readonly checks?: QueueChecks
  /** Makes a PNG of a photo for the page; absent: this thread does. */
  readonly preview?: ServedRuns['preview']
}

const previewHere: ServedRuns['preview'] = (photo) => photoPreview(photo, nodeMachine.codec)

/** The runs in a folder, worked on one after another. */
export class StudioRuns implements ServedRuns {
  readonly #runs: FolderRuns
  readonly #queue: RunQueue
  readonly #device: () => Promise<Device>
  readonly #preview: ServedRuns['preview']
  readonly #timer: NodeJS.Timeout
  #knownDevice: Device | null = null
  #stamps: ReadonlyMap<string, string>
  #looking: Promise<void> = Promise.resolve()

  private constructor(
    runs: FolderRuns,
    queue: RunQueue,
    device: () => Promise<Device>,
    preview: ServedRuns['preview'],
    stamps: ReadonlyMap<string, string>,
  ) {
    this.#runs = runs
    this.#queue = queue
    this.#device = device
    this.#preview = preview
    this.#stamps = stamps
    this.#timer = setInterval(() => {
      this.#looking = this.#looking.then(() => this.#look())
    }, lookEvery)
    this.#timer.unref()
  }

  /**
   * Takes the folder, and goes on with what waits there.
   * @throws RUN_LOCKED, RUN_INVALID, OUTPUT_NOT_WRITABLE
   */
  static async open(folder: string, { work, checks, preview = previewHere }: StudioWorkers): Promise<StudioRuns> {
    const runs = await FolderRuns.open(folder)
    let chosen: Promise<Device> | null = null
    const device = () => (chosen ??= chooseDevice('auto'))
    const workOn = async (
      job: QueuedJob,
      signal: AbortSignal,
      emit: EmitAny,
      control: RunControl,
    ): Promise<unknown> => {
      const asked = { ...job, run: await runs.path(job.run) }
      if (asked.kind !== 'resume') return await work(asked, signal, emit, control)
      const { settings } = await readStoredRun(await runs.look(job.run))
      if (settings.device !== 'auto') return await work(asked, signal, emit, control)
      const fastest = await device()
      emit({ type: 'note', message: `device: ${fastest}, the fastest that works here` })
      return await work({ ...asked, options: { ...asked.options, device: fastest } }, signal, emit, control)
    }
    try {
      const stamps = await runs.stamps()
      const queue = await RunQueue.open({
        codec: nodeMachine.codec,
        clips: clipMachine,
        runs,
        work: workOn,
        ...(checks === undefined ? {} : { checks }),
      })
      return new StudioRuns(runs, queue, device, preview, stamps)
    } catch (error) {
      runs.close()
      throw error
    }
  }

  get entries(): readonly RunEntry[] {
    return this.#queue.runs
  }

  watch(listener: (update: HostUpdate) => void): () => void {
    return this.#queue.watch(listener)
  }

  async machine(): Promise<HostMachine> {
    // Trying takes a while, and in the end it is the same: who asks early is told that it is not known yet.
    void this.#device().then(
      (device) => {
        this.#knownDevice = device
      },
      () => undefined,
    )
    const { cache } = await readHubEnvironment()
    const models = await listModels(cache)
    const space = await statfs(this.#runs.folder).catch(() => null)
    return {
      device: this.#knownDevice,
      threads: availableParallelism(),
      guidance: models.filter(({ state }) => state === 'embedded' || state === 'cached').map(({ name }) => name),
      free: space === null ? null : space.bavail * space.bsize,
    }
  }

  async submit(run: NewRun): Promise<string> {
    if (run.kind === 'photo') return await this.#queue.submit({ ...run, options: withModels(run.options, imageTable) })
    return await this.#queue.submit({ ...run, options: withModels(run.options, videoTable) })
  }

  async paint(...painted: Parameters<RunHost['paint']>): Promise<void> {
    await this.#queue.paint(...painted)
  }

  async ask(run: string, request: RunRequest): Promise<void> {
    await this.#queue.ask(run, request)
  }

  setMask(run: string, mask: NamedFile | null): Promise<void> {
    this.#queue.setMask(run, mask)
    return Promise.resolve()
  }

  async locate({ options, photo, over = [] }: LocateQuestion, signal: AbortSignal): Promise<LocatedMap> {
    const named = withModels(options, imageTable)
    const device = resolveSettings([named], drawSeed).device
    const given = device === 'auto' ? { ...named, device: await this.#device() } : named
    const below = over.length === 0 ? {} : { below: await takeLayers(over, (name) => this.#runs.look(name)) }
    return await taskInProcess('locate', { options: given, photo, ...below }, signal)
  }

  async preview(photo: NamedFile, signal: AbortSignal): Promise<Uint8Array> {
    return await this.#preview(photo, signal)
  }

  async files(run: string): Promise<{ readonly name: string; readonly bytes: number }[]> {
    const path = await this.#runs.path(run)
    const listed: { name: string; bytes: number }[] = []
    for (const name of await runFileNames(await this.#runs.look(run))) {
      const found = await lstat(join(path, name)).catch(() => null)
      if (found !== null) listed.push({ name, bytes: found.size })
    }
    return listed
  }

  async open(run: string, name: string): Promise<OpenFile | null> {
    const path = await this.#runs.path(run)
    if (!isRunFileName(name)) return null
    for (let at = name.indexOf('/'); at >= 0; at = name.indexOf('/', at + 1)) refuseLink(join(path, name.slice(0, at)))
    return await openRunFile(join(path, name))
  }

  async zip(run: string): Promise<AsyncIterable<Uint8Array>> {
    return zipRun(await this.#runs.look(run), run)
  }

  async bring(zip: Uint8Array, name: string): Promise<string> {
    return await this.#queue.bring(unzipRun(zip, name, mostUnzipped), name)
  }

  /** The step at hand is finished, its state and outputs written; what waits, waits for the next server. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
    await this.#queue.close()
    this.#runs.close()
  }

  /** Lets the queue know of runs that others made, changed, took or deleted. */
  async #look(): Promise<void> {
    try {
      const now = await this.#runs.stamps()
      const names = new Set([...this.#stamps.keys(), ...now.keys()])
      const held = new Set(this.entries.filter(({ error }) => error?.code === 'RUN_LOCKED').map(({ name }) => name))
      const changed = [...names].filter((name) => this.#stamps.get(name) !== now.get(name) || held.has(name))
      this.#stamps = now
      await this.#queue.refresh(changed)
    } catch (error) {
      // The folder cannot be read now; it is looked at again.
      if (!(error instanceof Text2LiveError) && !(error instanceof Error && 'code' in error)) throw error
    }
  }
}

/**
 * Models by the names that a run keeps. Who sends a request names models, but no paths and no addresses of the server's
 * machine.
 * @throws OPTION_*
 */
function withModels<Options extends Pick<GivenOptions, 'guidance'>>(options: Options, table: OptionTable): Options {
  const { guidance } = validateLayer(table, options)
  if (guidance === undefined) return options
  const names = guidance as readonly string[]
  for (const name of names) {
    const { kind } = readModelName(name)
    if (kind === 'starter' || kind === 'repo') continue
    throw new Text2LiveError(
      'OPTION_INVALID',
      `Expected the name of a guidance model here, as "ViT-B/32" or "owner/name"; got ${kind === 'path' ? 'a path' : kind === 'url' ? 'an address' : 'a plug-in'}. Import it under a name first: text2live models import`,
    )
  }
  return { ...options, guidance: names.map(portableGuidance) }
}
