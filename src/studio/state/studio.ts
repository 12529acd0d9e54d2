import { batch, computed, effect, signal, type Signal, untracked } from '@preact/signals'
import { Text2LiveError } from '../../errors.js'
import type { ClipEntry, PhotoEntry, RunEntry, RunHost, RunRequest } from '../../session/runHost.js'
import { loadClipMasks, loadMasksByFrame } from '../clip/clipFiles.js'
import { ClipResults } from '../clip/clipResults.js'
import type { FramePoint } from '../clip/frameReader.js'
import { OpenClip } from '../clip/openClip.js'
import { decodeLayer, decodePhoto, isCmykJpeg, type ShownPhoto } from '../stage/decodePhoto.js'
import { MaskPainting } from '../stage/maskPainting.js'
import { readMask, writeMask } from '../stage/maskFile.js'
import { StageModel } from '../stage/stageModel.js'
import { text } from '../text/strings.js'
import { locateQuestion, newRun } from './describedEdit.js'
import { clipDraft, photoDraft } from './draft.js'
import { isWritten, Layers } from './layers.js'
import { keepPage, takeUpPage } from './keepPage.js'
import { Kept, type KeptPage } from './kept.js'
import { identityOf, type OpenPhoto } from './openPhoto.js'
import { readRunEvents } from './readRunEvents.js'
import { RunWatch } from './runWatch.js'
import { composeStack, type StackFile, stackFiles } from './stackFile.js'

/** What went wrong, for a person. */
export interface Problem {
  readonly code: string | null
  readonly message: string
}

/** What is told of the map that lies over the photo. */
interface LocatedPlace {
  /** What it is the map of. */
  readonly of: 'words' | 'click'
  /** Part of the photo where it is at least one half. */
  readonly share: number
  readonly notes: readonly string[]
}

/** Files of a run that the page reads. */
const runFile = { edit: 'edit.png' } as const
/** So long after the last key a region is taken to be said, milliseconds. */
const typingPause = 700

/** All that the page shows: the photo, the edit that is described, the edits that are there, the host's runs. */
export class Studio {
  readonly host: RunHost
  /** What stays in this browser between visits. */
  readonly kept: Kept
  readonly stage = new StageModel()
  readonly photoDraft = photoDraft()
  readonly clipDraft = clipDraft()
  readonly layers = new Layers()
  readonly photo: Signal<OpenPhoto | null> = signal(null)
  /** In place of a photo. */
  readonly clip: Signal<OpenClip | null> = signal(null)
  readonly runs: Signal<readonly RunEntry[]> = signal([])
  readonly problem: Signal<Problem | null> = signal(null)
  /** The models that guide an edit must be fetched before anything is trained. */
  readonly modelsMissing = signal(false)
  /** The edit that is made again; null when the next one goes on top. */
  readonly editing: Signal<string | null> = signal(null)
  /** The mask of the last visit was taken up. */
  readonly maskIsBack = signal(false)
  /** An edit is on its way to the host. */
  readonly submitting = signal(false)
  /** The map of the words is being made. */
  readonly locating = signal(false)
  readonly located: Signal<LocatedPlace | null> = signal(null)
  /** The run that the panels speak of. */
  readonly run = computed((): RunEntry | null => {
    const chosen = this.layers.selected.value?.chosen
    return this.runs.value.find(({ name }) => name === chosen) ?? null
  })
  /** The lowest of the edits that the next one is to be trained over which has no picture yet; null where all have. */
  readonly unfinishedBelow = computed((): RunEntry | null => {
    const below = this.layers.below(this.editing.value)
    const runs = below.flatMap((name) => this.runs.value.find((run) => run.name === name) ?? [])
    return runs.find((run) => !isWritten(run)) ?? null
  })
  readonly clipResults: ClipResults
  readonly #watches = new Map<string, RunWatch>()
  /** Edit layers as pictures, by run; the number counts the outputs that were written since. */
  readonly #pictures = new Map<string, { readonly version: string; readonly picture: Promise<ImageBitmap | null> }>()
  #locator: AbortController | null = null
  #soon: ReturnType<typeof setTimeout> | undefined
  #layersShown: Promise<void> = Promise.resolve()
  /** Counts the previews, so that an older one that is decoded late is not shown. */
  #previews = 0

  constructor(host: RunHost) {
    this.host = host
    this.kept = new Kept(host.kind)
    // As long as the page is open.
    host.watch((update) => {
      if (update.type === 'runs') this.#takeRuns(update.runs)
      else this.watch(update.run).take(update.event)
    })
    effect(() => {
      if (this.clip.value === null) this.#layersShown = this.#showLayers()
    })
    this.clipResults = new ClipResults({
      host,
      kept: this.kept,
      clip: this.clip,
      layers: this.layers,
      runs: this.runs,
      run: this.run,
      watch: (run) => this.watch(run),
    })
    effect(() => void this.#showPreview())
    effect(() => {
      const clip = this.clip.value
      // The map of the words is of one frame.
      if (clip !== null && clip.frame.value >= 0 && clip.place.value.length > 0) untracked(() => this.hideMap())
    })
    effect(() => {
      const clip = this.clip.value
      if (clip === null) return
      const point = clip.point.value
      untracked(() => {
        if (point === null) this.hideMap()
        else if (point.frame === clip.frame.value) void this.#showClicked(clip, point)
      })
    })
  }

  /** Of what is open. */
  get draft(): Studio['photoDraft'] | Studio['clipDraft'] {
    return this.clip.value === null ? this.photoDraft : this.clipDraft
  }

  /** The file that is open; null where none is. */
  get openName(): string | null {
    return this.clip.value?.name ?? this.photo.value?.name ?? null
  }

  /** What is known of a run's course. */
  watch(run: string): RunWatch {
    const known = this.#watches.get(run)
    if (known !== undefined) return known
    const watch = new RunWatch()
    this.#watches.set(run, watch)
    return watch
  }

  /** Does something; what it throws is shown. */
  async attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#show(error)
    }
  }

  /** Opens a file that was dropped, pasted or chosen. */
  async openFile(file: File): Promise<void> {
    if (/\.zip$/i.test(file.name)) {
      await this.bring(file)
      return
    }
    if (file.type === 'image/gif' || /\.(avi|gif|m2v|mpe?g|vob|wmv)$/i.test(file.name)) {
      this.problem.value = { code: 'CLIP_CODEC_MISSING', message: text('clipUnread', { name: file.name }) }
      return
    }
    const bytes = new Uint8Array(await file.arrayBuffer())
    if (file.type.startsWith('video/') || /\.(mkv|mov|mp4|webm)$/i.test(file.name))
      await this.openClip(file.name, bytes)
    else await this.open(file.name, bytes)
  }

  /** Opens a clip; its edits begin anew, or as they were left. @throws CLIP_* */
  async openClip(
    name: string,
    bytes: Uint8Array,
    { layers, selected }: Pick<KeptPage, 'layers' | 'selected'> = { layers: [], selected: null },
  ): Promise<void> {
    const { FrameReader } = await import('../clip/frameReader.js')
    const { reader, clip } = await FrameReader.open(name, bytes)
    const open = new OpenClip({ name, bytes, hash: await identityOf(name, bytes) }, clip, reader, this.stage)
    this.close()
    await open.show()
    await loadMasksByFrame(open, await this.kept.clipMasks(open.hash))
    batch(() => {
      this.problem.value = null
      this.layers.list.value = layers
      this.layers.selectedId.value = selected
      this.clip.value = open
      this.stage.maskShown.value = layers.length === 0
    })
  }

  /** Takes a run's zip and opens it. */
  async bring(zip: Blob): Promise<void> {
    const name = await this.host.bring(zip)
    const run = this.runs.value.find((one) => one.name === name)
    if (run !== undefined) await this.openRun(run)
  }

  /** Opens a photo; the stack begins anew, or as it was left. */
  async open(
    name: string,
    bytes: Uint8Array,
    { layers, selected }: Pick<KeptPage, 'layers' | 'selected'> = { layers: [], selected: null },
  ): Promise<void> {
    const shown = await this.#showable(name, bytes)
    if (shown === null) {
      this.problem.value = { code: 'INPUT_NOT_IMAGE', message: text('photoUnread', { name }) }
      return
    }
    const { width, height } = shown.size
    const hash = await identityOf(name, bytes)
    const kept = await this.kept.mask(hash)
    const mask = new MaskPainting(width, height)
    const before = this.stage.photo.peek()
    this.clip.peek()?.close()
    batch(() => {
      this.hideMap()
      this.clip.value = null
      this.problem.value = null
      this.photo.value = { name, bytes, width, height, hash }
      this.layers.list.value = layers
      this.layers.selectedId.value = selected
      this.editing.value = null
      this.stage.show(shown.picture, shown.size)
      this.stage.mask.value = mask
      // Where edits are, they are what is looked at.
      this.stage.maskShown.value = layers.length === 0
      this.maskIsBack.value = kept !== null
    })
    before?.close()
    if (kept !== null) await this.loadMask('mask.png', kept)
  }

  /**
   * A photo as the stage shows it, by the host where this browser would not, or not in its colours; null where nobody
   * can.
   */
  async #showable(name: string, bytes: Uint8Array): Promise<ShownPhoto | null> {
    const file = new File([bytes as Uint8Array<ArrayBuffer>], name)
    const decodable = (blob: Blob): Promise<ShownPhoto | null> =>
      decodePhoto(blob).catch((error: unknown) => {
        if (error instanceof Text2LiveError && error.code !== 'INPUT_TRUNCATED') throw error
        return null
      })
    const shown = isCmykJpeg(bytes) ? null : await decodable(file)
    if (shown !== null) return shown
    if (this.host.preview === undefined) return await decodable(file)
    return await decodable(await this.host.preview({ name, bytes }))
  }

  close(): void {
    this.clip.peek()?.close()
    batch(() => {
      this.draft.clear()
      this.hideMap()
      this.photo.value = null
      this.clip.value = null
      this.stage.show(null)
      this.layers.list.value = []
      this.layers.selectedId.value = null
      this.editing.value = null
    })
  }

  /** Opens what a run was made of, and what it stands on. */
  async openRun(run: RunEntry): Promise<void> {
    if (run.kind === 'clip') await this.#openClipRun(run)
    else await this.#openPhotoRun(run)
  }

  async #openClipRun(run: ClipEntry): Promise<void> {
    const file = run.settings.clip
    const bytes = file === null ? null : await this.host.file(run.name, file)
    if (bytes === null) return
    await this.openClip(calledAs(run.name, file!), new Uint8Array(await bytes.arrayBuffer()))
    const clip = this.clip.value!
    batch(() => {
      this.#stack(run)
      this.draft.recall(run.settings)
      clip.pointBySetting(run.settings.point)
    })
    await loadClipMasks(clip, run.name, this.host)
    const bound = run.settings.mask === null ? null : await this.host.file(run.name, run.settings.mask)
    clip.bound.value = bound && { name: run.settings.mask!, bytes: new Uint8Array(await bound.arrayBuffer()) }
  }

  async #openPhotoRun(run: PhotoEntry): Promise<void> {
    const file = run.settings.photo
    const photo = file === null ? null : await this.host.file(run.name, file)
    if (photo === null) return
    await this.open(calledAs(run.name, file!), new Uint8Array(await photo.arrayBuffer()))
    if (this.photo.value === null) return
    batch(() => {
      this.#stack(run)
      this.draft.recall(run.settings)
    })
    const mask = run.settings.mask === null ? null : await this.host.file(run.name, run.settings.mask)
    if (mask === null) this.stage.mask.value?.clear()
    else await this.loadMask(run.settings.mask!, new Uint8Array(await mask.arrayBuffer()))
    this.maskIsBack.value = false
  }

  /** Puts a run on the stack, over those that it stands on and that are still there, and shows it without the mask. */
  #stack({ name, over }: RunEntry): void {
    const there = new Set(this.runs.value.map((run) => run.name))
    for (const run of [...over.filter((below) => there.has(below)), name]) this.layers.add([run])
    this.stage.maskShown.value = false
  }

  /** Gives the edit that is described to the host, once for each variation; not again while it is on its way. */
  async submit(): Promise<void> {
    if (this.submitting.value) return
    this.submitting.value = true
    try {
      await this.#submit()
    } finally {
      this.submitting.value = false
    }
  }

  async #submit(): Promise<void> {
    const editing = this.editing.value
    const asked = await newRun(this, editing)
    if (asked === null) return
    const { variations } = this.draft
    const first = asked.options.seed ?? (variations.value > 1 ? drawSeed() : undefined)
    const runs: string[] = []
    for (let i = 0; i < variations.value; i++) {
      const seed = typeof first === 'number' ? { seed: (first + i) % 2 ** 32 } : {}
      runs.push(
        await this.host.submit(
          asked.kind === 'clip'
            ? { ...asked, options: { ...asked.options, ...seed } }
            : { ...asked, options: { ...asked.options, ...seed } },
        ),
      )
    }
    batch(() => {
      if (editing === null) this.layers.add(runs)
      else this.layers.addRuns(editing, runs)
      this.editing.value = null
      if (asked.kind === 'clip' && this.clip.value !== null) {
        this.clip.value.seek(this.clip.value.previewed(asked.options))
        void this.clipResults.show(this.clip.value, 'frames')
      }
      // What grows is looked at now, not the mask.
      this.stage.tool.value = 'pan'
      this.stage.maskShown.value = false
      this.hideMap()
    })
  }

  async ask(run: string, request: RunRequest): Promise<void> {
    await this.attempt(async () => {
      await this.host.ask(run, request)
      if (request.do === 'delete') this.layers.forget(run)
    })
  }

  /** Trains a run further: past its last step where it is at rest, else past the steps that it is to make. */
  async train({ name, state, step, settings }: RunEntry, more: number): Promise<void> {
    const isAtRest = state === 'finished' || state === 'stopped'
    await this.ask(name, { do: 'steps', steps: more + (isAtRest ? step : settings.steps) })
    if (state === 'stopped') await this.ask(name, { do: 'go' })
  }

  /** Has the run at work stay inside the mask as it is painted now, or go anywhere where none is. */
  async steerMask(run: string): Promise<void> {
    const bytes = await this.maskFile()
    await this.host.setMask(run, bytes && { name: 'mask.png', bytes })
  }

  /**
   * Shows where the words of the draft are in the photo.
   * @param asked false where nobody asked for it: then no failure is told
   */
  async locate(asked = true): Promise<void> {
    if (this.modelsMissing.value || (this.clip.value === null && this.photo.value === null)) return
    await this.#showMap(asked, async (signal) => {
      const question = await locateQuestion(this)
      if (question === null) return null
      signal.throwIfAborted()
      const { map, share, notes } = await this.host.locate(question, signal)
      const picture = await decodeLayer(new Blob([map as Uint8Array<ArrayBuffer>]))
      return { picture, located: { of: 'words', share, notes } }
    })
  }

  /** Shows where the words are once nobody has typed for a moment; takes the map off where no region is said. */
  locateSoon(): void {
    clearTimeout(this.#soon)
    if (this.draft.words.region.peek()?.trim()) this.#soon = setTimeout(() => void this.locate(false), typingPause)
    else this.hideMap()
  }

  /** Shows what a click on the object grows to in its frame. */
  async #showClicked(clip: OpenClip, point: FramePoint): Promise<void> {
    await this.#showMap(true, async (signal) => {
      const { map, share } = await clip.grow(point, signal)
      return { picture: map, located: { of: 'click', share, notes: [] } }
    })
  }

  async #showMap(
    asked: boolean,
    make: (signal: AbortSignal) => Promise<{ readonly picture: ImageBitmap; readonly located: LocatedPlace } | null>,
  ): Promise<void> {
    clearTimeout(this.#soon)
    this.#locator?.abort()
    const locator = new AbortController()
    this.#locator = locator
    this.locating.value = true
    try {
      const made = await make(locator.signal)
      if (made === null || locator.signal.aborted) return
      this.stage.map.value = made.picture
      this.located.value = made.located
    } catch (error) {
      if (asked && !locator.signal.aborted) this.#show(error)
    } finally {
      if (this.#locator === locator) this.locating.value = false
    }
  }

  /** The painted mask as a PNG; null where nothing was painted. */
  async maskFile(): Promise<Uint8Array | null> {
    const mask = this.stage.mask.value
    return mask === null || mask.isEmpty ? null : await writeMask(mask)
  }

  /** Takes a picture as the mask. */
  async loadMask(name: string, bytes: Uint8Array): Promise<void> {
    const mask = this.stage.mask.value
    if (mask !== null) await readMask(mask, { name, bytes })
  }

  /** Makes the map of the words the mask. */
  async mapToMask(): Promise<void> {
    const [map, mask] = [this.stage.map.value, this.stage.mask.value]
    if (map === null || mask === null) return
    await mask.load(map)
    this.hideMap()
    this.stage.maskShown.value = true
  }

  /** A file of the whole stack as it is seen. */
  async stackFile(file: StackFile): Promise<Blob> {
    const seen = this.layers.list.value.filter(({ visible }) => visible)
    const top = seen.at(-1)
    const run = this.runs.value.find(({ name }) => name === top?.chosen)
    if (top === undefined || run === undefined) throw noFile()
    const asTrained = seen.every(({ opacity }) => opacity === 1) && !this.layers.isMoved(top, run)
    if (asTrained) {
      const made = await this.host.file(run.name, stackFiles[file])
      if (made === null) throw noFile()
      return made
    }
    const layers = await Promise.all(
      seen.map(async ({ chosen, opacity }) => {
        const edit = await this.host.file(chosen, runFile.edit)
        if (edit === null) throw noFile()
        const title = this.runs.value.find(({ name }) => name === chosen)?.title ?? chosen
        return { name: title, opacity, png: new Uint8Array(await edit.arrayBuffer()) }
      }),
    )
    return await composeStack(file, this.photo.value!, layers)
  }

  readonly #show = (error: unknown): void => {
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null
    this.problem.value = { code, message: error instanceof Error ? error.message : String(error) }
  }

  #takeRuns(runs: readonly RunEntry[]): void {
    this.runs.value = runs
    const names = new Set(runs.map(({ name }) => name))
    for (const name of this.#watches.keys()) if (!names.has(name)) this.#watches.delete(name)
  }

  /** Takes the map of the words off, and gives up the one that is being made. */
  hideMap(): void {
    clearTimeout(this.#soon)
    this.#locator?.abort()
    this.#locator = null
    this.locating.value = false
    this.stage.map.value = null
    this.located.value = null
  }

  /** Gives the stage the edit layers that are there. */
  async #showLayers(): Promise<void> {
    const list = this.layers.list.value
    const runs = this.runs.value
    const shown = list.map((layer) => {
      const entry = runs.find(({ name }) => name === layer.chosen)
      const written = this.watch(layer.chosen).written.value
      return { layer, version: entry !== undefined && isWritten(entry) ? `${entry.step} ${written}` : null }
    })
    const pictures = await Promise.all(
      shown.map(async ({ layer, version }) => ({
        picture: version === null ? null : await this.#picture(layer.chosen, version),
        opacity: layer.opacity,
        visible: layer.visible,
      })),
    )
    if (this.layers.list.peek() !== list) return
    this.stage.layers.value = pictures.flatMap(({ picture, ...rest }) =>
      picture === null ? [] : [{ picture, ...rest }],
    )
    this.#forgetPictures(new Set(list.flatMap((layer) => layer.runs)))
  }

  /** A picture of a large photo takes a hundred megabytes: those of runs that are not in the stack go. */
  #forgetPictures(stacked: ReadonlySet<string>): void {
    for (const [run, { picture }] of this.#pictures) {
      if (stacked.has(run)) continue
      this.#pictures.delete(run)
      void picture.then((bitmap) => bitmap?.close())
    }
  }

  #picture(run: string, version: string): Promise<ImageBitmap | null> {
    const known = this.#pictures.get(run)
    if (known?.version === version) return known.picture
    const picture = this.host
      .file(run, runFile.edit)
      .then((file) => (file === null ? null : decodeLayer(file)))
      .catch(() => null)
    this.#pictures.set(run, { version, picture })
    return picture
  }

  /**
   * While the run of the selected layer works, the stage shows its latest preview; then the layers, once they are
   * there.
   */
  async #showPreview(): Promise<void> {
    const run = this.run.value
    const turn = ++this.#previews
    const clip = this.clip.value
    const hidden =
      clip !== null &&
      run?.kind === 'clip' &&
      (clip.atlas.value !== null || clip.frame.value !== clip.previewed(run.settings))
    if (run === null || hidden || (run.state !== 'running' && run.state !== 'paused')) {
      await this.#layersShown
      if (turn === this.#previews) this.stage.preview.value = null
      return
    }
    const bytes = this.watch(run.name).preview.value?.png ?? null
    const file =
      bytes !== null
        ? new Blob([bytes as Uint8Array<ArrayBuffer>])
        : run.thumbnail === null
          ? null
          : await this.host.file(run.name, run.thumbnail).catch(() => null)
    const picture = file === null ? null : await decodeLayer(file).catch(() => null)
    if (turn === this.#previews) this.stage.preview.value = picture
  }

  /** Takes up what was on the page when it was left; from then on, what is on it is kept. */
  async restore(): Promise<void> {
    try {
      await takeUpPage(this)
    } finally {
      keepPage(this)
    }
  }

  /** The course of a run from before the page began to watch it. */
  async readEvents(run: string): Promise<void> {
    await readRunEvents(this.host, run, this.watch(run))
  }
}

/**
 * A run's copy of its photo, by the name that the run has from the photo: `teapot.jpg` of `teapot-3`, not `photo.jpg`.
 */
const calledAs = (run: string, copy: string): string => `${run.replace(/-\d+$/, '')}${/\.[^.]*$/.exec(copy)?.[0] ?? ''}`

const noFile = (): Text2LiveError =>
  new Text2LiveError(
    'RUN_INVALID',
    'The file of an edit that is shown should be there, but it is not written yet. Wait until it is done.',
  )

const drawSeed = (): number => crypto.getRandomValues(new Uint32Array(1))[0]!
