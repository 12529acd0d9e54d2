import { batch, computed, effect, type ReadonlySignal, type Signal, signal, untracked } from '@preact/signals'
import type { LayerName } from '../../atlas/layeredAtlas.js'
import type { NamedFile } from '../../session/runHost.js'
import { MaskPainting } from '../stage/maskPainting.js'
import type { StageLayer, StageModel } from '../stage/stageModel.js'
import type { Point, Size } from '../stage/viewMatrix.js'
import type { AtlasView } from './atlasView.js'
import type { FramePoint, FrameReader, GrownObject, ScrubbedClip } from './frameReader.js'

/** A file of the clip, as it was given. */
export interface ClipFile {
  readonly name: string
  readonly bytes: Uint8Array
  /** SHA-256 of the file, hexadecimal. */
  readonly hash: string
}

/** What of the clip is on the stage: its frames with the edit, or with the layer that was painted; or an atlas. */
export type ClipPlace = 'frames' | 'painted' | LayerName

/** An edit layer of a frame, as the stage shows it. */
export interface FrameLayer extends StageLayer {
  readonly picture: ImageBitmap
}

/** The edit layers of a frame, bottom to top. */
export type LayersOf = (frame: number) => Promise<readonly FrameLayer[]>

/** A frame, and where its layers come from. */
interface Shown {
  readonly frame: number
  readonly layersOf: LayersOf
}

/**
 * The clip that is being edited: one frame of it is on the stage, with the edit layers of that frame, and its mask
 * to be painted.
 */
export class OpenClip {
  readonly name: string
  readonly bytes: Uint8Array
  readonly hash: string
  readonly size: Size
  readonly timestamps: readonly number[]
  /** The frame that is asked for, from 0. */
  readonly wanted = signal(0)
  /** The frame that is on the stage. */
  readonly frame: Signal<number> = signal(0)
  readonly playing = signal(false)
  /** A pixel on the object, and the frame that it was pointed at in; the mask of a frame counts more. */
  readonly point: Signal<FramePoint | null> = signal(null)
  /** A picture of the first frame that bounds the edit: white may change; null: it may go wherever the object is. */
  readonly bound: Signal<NamedFile | null> = signal(null)
  readonly layersOf: Signal<LayersOf> = signal(() => Promise.resolve([]))
  readonly place: Signal<ClipPlace> = signal('frames')
  /** The atlas that is shown in place of the frames. */
  readonly atlas: Signal<AtlasView | null> = signal(null)
  /** Which layers `layersOf` gives, for whoever sets it. */
  shownLayers = ''
  /** The point as the option of that name takes it. */
  readonly pointSetting = computed(() => {
    const point = this.point.value
    return point === null ? null : `${point.x},${point.y},${point.frame}`
  })
  readonly #stage: StageModel
  readonly #reader: FrameReader
  readonly #masks: Signal<ReadonlyMap<number, MaskPainting>> = signal(new Map())
  readonly #endings: (() => void)[] = []
  /** The frame and its layers, as they are on the stage. */
  #shown: readonly ImageBitmap[] = []
  #endAtlas: (() => void) | null = null
  #showing: Promise<void> | null = null
  #next: Shown | null = null
  #closed = false

  constructor(
    { name, bytes, hash }: ClipFile,
    { width, height, timestamps }: ScrubbedClip,
    reader: FrameReader,
    stage: StageModel,
  ) {
    this.name = name
    this.bytes = bytes
    this.hash = hash
    this.size = { width, height }
    this.timestamps = timestamps
    this.#reader = reader
    this.#stage = stage
  }

  get count(): number {
    return this.timestamps.length
  }

  /** Frames whose mask has something painted, in order. */
  readonly masked: ReadonlySignal<readonly number[]> = computed(() =>
    [...this.#masks.value]
      .filter(([, mask]) => mask.version.value >= 0 && !mask.isEmpty)
      .map(([frame]) => frame)
      .sort((a, b) => a - b),
  )

  /** Shows the frame that is wanted, and from now on whenever another is, or its layers have changed. */
  async show(): Promise<void> {
    await this.#show({ frame: 0, layersOf: this.layersOf.peek() })
    this.#endings.push(
      effect(() => this.#showAtlas()),
      effect(() => {
        const point = this.point.value
        this.#stage.mark.value = point?.frame === this.frame.value && this.atlas.value === null ? point : null
      }),
      effect(() => {
        this.#ask({ frame: this.wanted.value, layersOf: this.layersOf.value })
      }),
    )
  }

  close(): void {
    this.#closed = true
    this.playing.value = false
    for (const end of this.#endings) end()
    this.#endAtlas?.()
    this.#reader.close()
  }

  seek(frame: number): void {
    this.wanted.value = Math.min(this.count - 1, Math.max(0, Math.round(frame)))
  }

  step(by: number): void {
    this.playing.value = false
    this.seek(this.wanted.value + by)
  }

  /** How many frames a run uses, from the first. */
  used({ frames }: { readonly frames?: number | null | undefined }): number {
    const most = frames === undefined || frames === null || frames === 0 ? this.count : frames
    return Math.min(most, this.count)
  }

  /** The frame that previews of a run show: the middle of those that it uses. */
  previewed(settings: Parameters<OpenClip['used']>[0]): number {
    return this.used(settings) >> 1
  }

  /** Frame after frame, as fast as they come and no faster than they are meant to; to the end, then from the start. */
  async play(): Promise<void> {
    this.playing.value = true
    const isOver = (): boolean => !this.playing.peek()
    while (!isOver()) {
      const [at, started] = [this.frame.value, performance.now()]
      const next = (at + 1) % this.count
      const wait = 1000 * Math.max(0, this.timestamps[next]! - this.timestamps[at]!)
      this.seek(next)
      await this.#showing
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, wait - (performance.now() - started))))
    }
  }

  /** The mask of a frame; an empty one is made where there is none. */
  maskOf(frame: number): MaskPainting {
    const known = this.#masks.value.get(frame)
    if (known !== undefined) return known
    const mask = new MaskPainting(this.size.width, this.size.height)
    this.#masks.value = new Map([...this.#masks.value, [frame, mask]])
    return mask
  }

  /** Points at the object in the frame that is shown. */
  pointAt({ x, y }: Point): void {
    const { width, height } = this.size
    const [column, row] = [Math.floor(x), Math.floor(y)]
    if (column < 0 || row < 0 || column >= width || row >= height) return
    this.point.value = { x: column, y: row, frame: this.frame.value }
  }

  /** What the point grows to in its frame. @throws OBJECT_NOT_FOUND, CLIP_TRUNCATED */
  grow(point: FramePoint, signal: AbortSignal): Promise<GrownObject> {
    return this.#reader.grow(point, signal)
  }

  /** Takes what the option `point` says; null for no point. */
  pointBySetting(setting: string | null): void {
    const [x, y, frame = 0] = (setting ?? '').split(',').map(Number)
    this.point.value = x === undefined || y === undefined ? null : { x, y, frame }
  }

  /** The frame that is shown, as a PNG. */
  async frameFile(): Promise<{ readonly name: string; readonly bytes: Uint8Array }> {
    const { width, height } = this.size
    const canvas = new OffscreenCanvas(width, height)
    canvas.getContext('2d')?.drawImage(this.#stage.photo.value!, 0, 0)
    const png = await canvas.convertToBlob({ type: 'image/png' })
    return { name: `frame ${this.frame.value}.png`, bytes: new Uint8Array(await png.arrayBuffer()) }
  }

  /** One frame at a time; of what was asked for meanwhile the last is next. */
  #ask(shown: Shown): void {
    this.#next = shown
    this.#showing ??= this.#showAll().finally(() => {
      this.#showing = null
    })
  }

  async #showAll(): Promise<void> {
    while (this.#next !== null && !this.#closed) {
      const next = this.#next
      this.#next = null
      await this.#show(next)
    }
  }

  /** The atlas on the stage, or the frame again. */
  #showAtlas(): void {
    const atlas = this.atlas.value
    this.#endAtlas?.()
    this.#endAtlas = null
    if (atlas !== null) {
      this.playing.value = false
      this.#endAtlas = untracked(() => atlas.show(this.#stage))
    } else if (this.#stage.photo.peek() !== this.#shown[0]) {
      this.#stage.fit()
      this.#ask({ frame: this.wanted.peek(), layersOf: this.layersOf.peek() })
    }
  }

  async #show({ frame, layersOf }: Shown): Promise<void> {
    const [picture, layers] = await Promise.all([this.#reader.frame(frame), layersOf(frame)])
    if (this.#closed || this.atlas.peek() !== null) return
    const before = this.#shown
    this.#shown = [picture, ...layers.map((layer) => layer.picture)]
    const mask = this.maskOf(frame)
    batch(() => {
      this.frame.value = frame
      this.#stage.pointed.value = (at) => this.pointAt(at)
      this.#stage.photo.value = picture
      this.#stage.layers.value = layers
      this.#stage.mask.value = mask
    })
    for (const old of before) old.close()
  }
}
