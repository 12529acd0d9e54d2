import { batch, effect, type Signal, signal } from '@preact/signals'
import type { LayerName } from '../../atlas/layeredAtlas.js'
import type { RunHost } from '../../session/runHost.js'
import { paintedFile, videoOutputFiles } from '../../session/video/videoFiles.js'
import { ColourPainting } from '../stage/colourPainting.js'
import { decodeLayer } from '../stage/decodePhoto.js'
import type { StageModel } from '../stage/stageModel.js'
import type { KeptPaint } from '../state/kept.js'

/** The atlas picture of a layer of a run, its trained edit, and what is painted on it by hand. */
export class AtlasView {
  readonly run: string
  readonly layer: LayerName
  readonly painting: ColourPainting
  /** Does the trained edit lie under the paint? */
  readonly withEdit: Signal<boolean>
  readonly #picture: ImageBitmap
  readonly #edit: ImageBitmap | null

  private constructor(
    { run, layer }: Pick<AtlasView, 'run' | 'layer'>,
    picture: ImageBitmap,
    edit: ImageBitmap | null,
    { painted, withEdit }: { readonly painted: ImageBitmap | null; readonly withEdit: boolean },
  ) {
    this.run = run
    this.layer = layer
    this.#picture = picture
    this.#edit = edit
    this.painting = new ColourPainting(picture.width, picture.height, painted)
    this.withEdit = signal(edit !== null && withEdit)
  }

  /**
   * @param kept what was painted on it and is not written to the clip yet
   * @returns null where the run has no such atlas (yet)
   */
  static async open(host: RunHost, run: string, layer: LayerName, kept: KeptPaint | null): Promise<AtlasView | null> {
    const read = async (name: string): Promise<ImageBitmap | null> => {
      const file = await host.file(run, name)
      return file === null ? null : await decodeLayer(file, name)
    }
    const [picture, edit, painted] = await Promise.all([
      read(videoOutputFiles[`${layer}Atlas`]),
      read(videoOutputFiles[`${layer}Edit`]),
      kept === null
        ? read(paintedFile(layer))
        : decodeLayer(new Blob([kept.png as Uint8Array<ArrayBuffer>]), paintedFile(layer)),
    ])
    if (picture === null) return null
    // What was written to the clip has the edit in it.
    const begun = { painted, withEdit: kept?.withEdit ?? painted === null }
    return new AtlasView({ run, layer }, picture, edit, begun)
  }

  get hasEdit(): boolean {
    return this.#edit !== null
  }

  /** Puts it on the stage, to be painted on. @returns ends it */
  show(stage: StageModel): () => void {
    batch(() => {
      stage.show(this.#picture)
      stage.painting.value = this.painting
      stage.tool.value = 'brush'
    })
    const end = effect(() => {
      const edit = this.withEdit.value && this.#edit !== null ? [this.#edit] : []
      // A new list with each version: the painting changes in place.
      if (this.painting.version.value >= 0)
        stage.layers.value = [...edit, this.painting.picture].map((picture) => ({ picture, opacity: 1, visible: true }))
    })
    return () => {
      end()
      batch(() => {
        stage.painting.value = null
        stage.tool.value = 'pan'
      })
    }
  }

  /** The layer as it is seen, as a PNG with alpha. */
  async file(): Promise<Uint8Array> {
    const edit = this.withEdit.value && this.#edit !== null ? [this.#edit] : []
    return await this.#png([...edit, this.painting.picture])
  }

  /** What is painted by hand alone. */
  async paint(): Promise<Uint8Array> {
    return await this.#png([this.painting.picture])
  }

  async #png(pictures: readonly (ImageBitmap | OffscreenCanvas)[]): Promise<Uint8Array> {
    const canvas = new OffscreenCanvas(this.#picture.width, this.#picture.height)
    const context = canvas.getContext('2d')!
    for (const picture of pictures) context.drawImage(picture, 0, 0)
    return new Uint8Array(await (await canvas.convertToBlob({ type: 'image/png' })).arrayBuffer())
  }
}
