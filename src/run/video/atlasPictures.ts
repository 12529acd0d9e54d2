import { atlasCoverage } from '../../atlas/atlasCoverage.js'
import type { LayeredAtlas, LayerName } from '../../atlas/layeredAtlas.js'
import { compositeOver } from '../../media/compositeOver.js'
import type { FloatImage } from '../../media/image.js'
import { atomicWrite } from '../../media/node/atomicWrite.js'
import { baseLayerNames, layerNames, maskLayerName } from '../../media/encodePsd.js'
import { encodePng } from '../../media/node/encodePng.js'
import { writePsdLayers } from '../../media/writePsdLayers.js'
import { quantise } from '../../media/quantise.js'

/** Where the pictures of a layer go. */
interface AtlasPaths {
  readonly atlas: string
  readonly edit: string
  readonly psd: string
}

/**
 * Writes what a person paints on: the atlas image as PNG, and with an edit the edit as RGBA PNG and both in a PSD with
 * the layers "atlas", "edit layer" and (hidden) "mask", the part of the atlas that the clip shows. `text2live atlas
 * render` takes the painted PSD or PNG back.
 */
export async function writeAtlasPictures(
  atlas: LayeredAtlas,
  layer: LayerName,
  edit: FloatImage | null,
  paths: AtlasPaths,
): Promise<void> {
  const image = await atlas.image(layer)
  const atlasPixels = quantise(image, 8)
  await atomicWrite(paths.atlas, await encodePng(atlasPixels))
  if (edit === null) return
  const editPixels = quantise(edit, 8)
  await atomicWrite(paths.edit, await encodePng(editPixels))
  const mask = quantise(await atlasCoverage(atlas, layer), 8)
  await atomicWrite(
    paths.psd,
    writePsdLayers(quantise(compositeOver(edit, image), 8), [
      { name: baseLayerNames[1], image: atlasPixels },
      { name: layerNames[0], image: editPixels },
      { name: maskLayerName, image: mask, hidden: true },
    ]),
  )
}
