import type { SmallerPictures } from './smallerPictures.js'
import type { StageLayer, StageView } from './stageModel.js'
import { type Area, common, type Size } from './viewMatrix.js'

export type Context = OffscreenCanvasRenderingContext2D | CanvasRenderingContext2D

/** All that a picture of the stage is made of; px are device px. */
export interface Scene {
  readonly view: StageView
  readonly photo: ImageBitmap
  /** The photo's size, in the px that `zoom` is of. */
  readonly extent: Size
  readonly layers: readonly StageLayer[]
  readonly preview: ImageBitmap | null
  /** Where the words are, as a tint that is laid over the photo. */
  readonly tint: OffscreenCanvas | null
  readonly slider: number
  /**
   * Are pictures filtered where they are made smaller or larger? Else single samples are taken, in a third of the time.
   */
  readonly smooth: boolean
  /** Device px for each px of `extent`. */
  readonly zoom: number
  /** The photo's corner in the pane. */
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** What one pane shows. */
type Shown = 'photo' | 'result' | 'alpha' | 'layer' | 'green'

/** The panes that a view has, left to right; in `compare` both lie over each other, cut at the slider. */
export function panesOf(view: StageView, width: number, height: number, slider: number): (Area & { shown: Shown })[] {
  const pane = (shown: Shown, x: number, end: number): Area & { shown: Shown } => ({
    shown,
    x,
    y: 0,
    width: end - x,
    height,
  })
  if (view === 'compare') {
    const cut = Math.round(width * slider)
    return [pane('photo', 0, cut), pane('result', cut, width)]
  }
  const middle = Math.floor(width / 2)
  if (view === 'side') return [pane('photo', 0, middle), pane('result', middle, width)]
  return [pane(view, 0, width)]
}

/** Draws everything but the mask in an area of the canvas. `scratch` is as large as the scene. */
export function drawScene(
  context: Context,
  scene: Scene,
  area: Area,
  pictures: SmallerPictures,
  scratch: OffscreenCanvas,
): void {
  const { width, height, view } = scene
  context.clearRect(area.x, area.y, area.width, area.height)
  for (const pane of panesOf(view, width, height, scene.slider)) {
    const part = common(pane, area)
    if (part.width <= 0 || part.height <= 0) continue
    context.save()
    context.beginPath()
    context.rect(part.x, part.y, part.width, part.height)
    context.clip()
    const x = scene.x + (view === 'side' ? pane.x : 0)
    const place = { x, y: scene.y, width: scene.extent.width * scene.zoom, height: scene.extent.height * scene.zoom }
    drawPane(context, pane.shown, place, scene, pictures, scratch)
    context.restore()
  }
}

function drawPane(
  context: Context,
  shown: Shown,
  place: Area,
  scene: Scene,
  pictures: SmallerPictures,
  scratch: OffscreenCanvas,
): void {
  const picture = (on: Context, bitmap: ImageBitmap | OffscreenCanvas, opacity = 1): void =>
    drawPicture(on, bitmap, place, pictures, opacity, scene.smooth, bitmap.width < scene.extent.width)
  const layers = (on: Context): void => {
    for (const layer of scene.layers) if (layer.visible) picture(on, layer.picture, layer.opacity)
  }
  if (shown === 'photo') picture(context, scene.photo)
  else if (shown === 'result') {
    picture(context, scene.preview ?? scene.photo)
    if (scene.preview === null) layers(context)
  } else if (shown === 'alpha') drawAlpha(context, place, scratch, layers)
  else {
    context.fillStyle = shown === 'green' ? '#00ff00' : checkerboard(context)
    // The squares move with the photo.
    context.translate(place.x, place.y)
    context.fillRect(0, 0, place.width, place.height)
    context.translate(-place.x, -place.y)
    layers(context)
  }
  if (scene.tint !== null && (shown === 'photo' || shown === 'result')) {
    context.imageSmoothingEnabled = true
    context.drawImage(scene.tint, place.x, place.y, place.width, place.height)
  }
}

/** The layers' opacity as grey: white where they are opaque. */
function drawAlpha(context: Context, place: Area, scratch: OffscreenCanvas, layers: (on: Context) => void): void {
  context.fillStyle = '#000'
  context.fillRect(place.x, place.y, place.width, place.height)
  const flat = scratch.getContext('2d')
  if (flat === null) return
  flat.clearRect(0, 0, scratch.width, scratch.height)
  layers(flat)
  flat.save()
  flat.globalCompositeOperation = 'source-in'
  flat.fillStyle = '#fff'
  flat.fillRect(0, 0, scratch.width, scratch.height)
  flat.restore()
  context.drawImage(scratch, 0, 0)
}

/**
 * Over the whole of the photo, whatever its own resolution; px stay crisp from two device px on, but for those of a
 * picture that is coarser than the photo (a preview): they are none of the photo's.
 */
function drawPicture(
  context: Context,
  bitmap: ImageBitmap | OffscreenCanvas,
  place: Area,
  pictures: SmallerPictures,
  opacity: number,
  smooth: boolean,
  coarse: boolean,
): void {
  if (bitmap.width === 0 || opacity <= 0) return
  const [across, down] = [place.width / bitmap.width, place.height / bitmap.height]
  const { source, step } = pictures.levelFor(bitmap, Math.max(across, down))
  context.globalAlpha = opacity
  context.imageSmoothingEnabled = smooth && (coarse || across * step < 2) && !(step === 1 && across === 1)
  context.imageSmoothingQuality = 'low'
  context.drawImage(source, place.x, place.y, source.width * step * across, source.height * step * down)
  context.globalAlpha = 1
}

let board: CanvasPattern | null = null

function checkerboard(context: Context): CanvasPattern | string {
  if (board === null) {
    const square = new OffscreenCanvas(16, 16)
    const on = square.getContext('2d')
    if (on === null) return '#ccc'
    on.fillStyle = '#fff'
    on.fillRect(0, 0, 16, 16)
    on.fillStyle = '#ccc'
    on.fillRect(0, 0, 8, 8)
    on.fillRect(8, 8, 8, 8)
    board = context.createPattern(square, 'repeat')
  }
  return board ?? '#ccc'
}
