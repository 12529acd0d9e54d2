import { atlasCoverage } from '../../atlas/atlasCoverage.js'
import type { LayeredAtlas, LayerName } from '../../atlas/layeredAtlas.js'
import { compositeOver } from '../../media/compositeOver.js'
import type { FloatImage } from '../../media/image.js'
import type { ImageCodec } from '../../media/imageCodec.js'
import { baseLayerNames, layerNames, maskLayerName } from '../../media/encodePsd.js'
import { writePsdLayers } from '../../media/writePsdLayers.js'
import { quantise } from '../../media/quantise.js'
import type { RunStore } from '../store.js'
import type { ClipGround } from './clipGround.js'
import { videoOutputFiles, type VideoOutputName } from './videoFiles.js'

/**
 * Writes what a person paints on: the atlas image as PNG, and with an edit the edit as RGBA PNG and both in a PSD with
 * the layers "atlas", those of the runs below by their titles, "edit layer" and (hidden) "mask", the part of the atlas
 * that the clip shows. `text2live atlas render` takes the painted PSD or PNG back.
 * @returns the outputs written
 */
export async function writeAtlasPictures(
  atlas: LayeredAtlas,
  layer: LayerName,
  below: ClipGround['below'],
  edit: FloatImage | null,
  store: Pick<RunStore, 'write'>,
  { encodePng }: Pick<ImageCodec, 'encodePng'>,
): Promise<VideoOutputName[]> {
  const names = [`${layer}Atlas`, `${layer}Edit`, `${layer}Psd`] as const
  const image = await atlas.image(layer)
  const atlasPixels = quantise(image, 8)
  await store.write(videoOutputFiles[names[0]], await encodePng(atlasPixels))
  if (edit === null) return [names[0]]
  const editPixels = quantise(edit, 8)
  await store.write(videoOutputFiles[names[1]], await encodePng(editPixels))
  const mask = quantise(await atlasCoverage(atlas, layer), 8)
  const lower = below.flatMap(({ title, edits: { [layer]: image } }) => (image === undefined ? [] : [{ title, image }]))
  const composite = [...lower.map((each) => each.image), edit].reduce(
    (under, over) => compositeOver(over, under),
    image,
  )
  await store.write(
    videoOutputFiles[names[2]],
    writePsdLayers(quantise(composite, 8), [
      { name: baseLayerNames[1], image: atlasPixels },
      ...lower.map(({ title, image: own }) => ({ name: title, image: quantise(own, 8) })),
      { name: layerNames[0], image: editPixels },
      { name: maskLayerName, image: mask, hidden: true },
    ]),
  )
  return [...names]
}
