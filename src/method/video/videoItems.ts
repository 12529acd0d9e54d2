import { boundLayer } from '../../media/boundLayer.js'
import { crop } from '../../media/crop.js'
import type { FloatImage } from '../../media/image.js'
import { resize } from '../../media/resample.js'
import { minGeneratorSide } from '../../options/resolveSettings.js'
import type { VideoSettings } from '../../options/videoOptions.js'
import { type SightOfObject, placedSight, seenBy, sightThrough } from '../sight.js'
import type { ViewSetDraws } from '../stepFeeds.js'
import type { Size } from '../viewDraws.js'
import { type TrainingLayer, through } from './trainingLayer.js'
import type { MappedFrame, VideoSample } from './videoSample.js'
import type { DirectItem, MappedItem, VideoStepRequest } from './videoStepRunner.js'

/** Maps of the size of the layer's atlas image. */
export interface LayerMaps {
  readonly relevancy: FloatImage | null
  readonly emphasis: FloatImage | null
  readonly mask: FloatImage | undefined
  /** The learned start's edit layer [4], where the edit is held to its colours. */
  readonly first: FloatImage | null
  /** What the generator sees of it; null: all. */
  readonly sight: SightOfObject | null
}

export interface VideoItemsOptions {
  readonly layer: TrainingLayer
  readonly sample: VideoSample
  readonly maps: LayerMaps
  readonly settings: Pick<VideoSettings, 'ground' | 'wholeAtlasShrink'>
  /** The whole atlas joins the step. */
  readonly whole: boolean
  /** The draws of the views of an item: 'frame 0' to 'frame 2', 'direct', 'whole'. */
  readonly views: (item: string, size: Size) => readonly ViewSetDraws[]
}

/**
 * The items of one step: three frames that read the atlas crop, one frame crop on its own and, where it joins, the
 * whole atlas.
 */
export function videoItems({
  layer,
  sample,
  maps,
  settings,
  whole,
  views,
}: VideoItemsOptions): Pick<VideoStepRequest, 'atlas' | 'shown' | 'mask' | 'mapped' | 'direct'> {
  /** The maps as an item shows them, the relevancy through the opacity of the foreground. */
  const placed = (place: (map: FloatImage) => FloatImage, opacity: FloatImage | null) => ({
    ...(maps.relevancy ? { relevancy: opacity ? through(place(maps.relevancy), opacity) : place(maps.relevancy) } : {}),
    ...(maps.emphasis ? { emphasis: place(maps.emphasis) } : {}),
  })
  const masked = (place: (map: FloatImage) => FloatImage) => (maps.mask ? { mask: place(maps.mask) } : {})
  const first = (place: (map: FloatImage) => FloatImage) => (maps.first ? { first: place(maps.first) } : {})
  const { sight } = maps
  const seen = (place: (map: FloatImage) => FloatImage, opacity: FloatImage | null) =>
    sight ? { sight: opacity ? sightThrough(sight, place, opacity) : placedSight(sight, place) } : {}
  const firstInFrame = (place: (map: FloatImage) => FloatImage) =>
    first((layer) => (maps.mask ? boundLayer(place(layer), place(maps.mask)) : place(layer)))
  const mapped = (frame: MappedFrame, i: number): MappedItem => ({
    size: { width: frame.frame.width, height: frame.frame.height },
    grid: frame.grid,
    views: views(`frame ${i}`, frame.frame),
    ...(frame.opacity
      ? { opacity: frame.opacity, ...(settings.ground === 'frame' ? { frame: frame.frame } : {}) }
      : {}),
    ...placed((map) => sample.inFrame(map, frame), frame.opacity),
    ...firstInFrame((map) => sample.inFrame(map, frame)),
  })
  const { picture, opacity } = sample.direct
  const inDirect = (map: FloatImage) => sample.inFrame(map, sample.direct)
  const direct: DirectItem[] = [
    {
      picture,
      views: views('direct', picture),
      ...(opacity ? { opacity } : {}),
      ...masked(inDirect),
      ...placed(inDirect, opacity),
      ...first(inDirect),
      ...seen(inDirect, opacity),
    },
  ]
  if (whole) {
    const place = (map: FloatImage) => wholeAtlas(map, layer, settings.wholeAtlasShrink)
    const atlas = place(layer.image)
    direct.push({
      picture: atlas,
      views: views('whole', atlas),
      ...masked(place),
      ...placed(place, null),
      ...first(place),
      ...seen(place, null),
    })
  }
  const inAtlas = (map: FloatImage) => sample.inAtlas(map)
  return {
    atlas: sample.atlas,
    ...(sight ? { shown: seenBy(placedSight(sight, inAtlas), sample.atlas) } : {}),
    ...masked(inAtlas),
    mapped: sample.mapped.map(mapped),
    direct,
  }
}

/**
 * The atlas as it joins a step: of the foreground what its boxes use, the background shrunk as far as the generator
 * takes it.
 */
function wholeAtlas(map: FloatImage, { name, box }: TrainingLayer, shrink: number): FloatImage {
  if (name === 'foreground') return crop(map, box.x, box.y, box.width, box.height)
  const factor = Math.max(1, Math.min(shrink, Math.floor(Math.min(map.width, map.height) / minGeneratorSide)))
  return factor === 1
    ? map
    : resize(map, Math.floor(map.width / factor), Math.floor(map.height / factor), {
        filter: 'bilinear',
        antialias: true,
      })
}
