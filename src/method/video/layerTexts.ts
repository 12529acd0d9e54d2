import type { LayerName } from '../../atlas/layeredAtlas.js'
import type { VideoSettings } from '../../options/videoOptions.js'
import { regionTexts, type RegionTexts } from '../../options/region.js'
import type { Texts } from '../textTargets.js'

/** The texts of a layer; the region `agreed` holds the edit to the layer's own object, whatever it is called. */
export type LayerTexts = Omit<Texts, 'region'> & { readonly region: RegionTexts }

/** The texts of one layer's edit: its own where they are given, else those of the clip. */
export function layerTexts(settings: VideoSettings, layer: LayerName): LayerTexts {
  const own =
    layer === 'foreground'
      ? {
          prompt: settings.foregroundPrompt,
          screen: settings.foregroundScreen,
          source: settings.foregroundSource,
          region: regionTexts(settings),
        }
      : {
          prompt: settings.backgroundPrompt,
          screen: settings.backgroundScreen,
          source: settings.backgroundSource,
          region: settings.backgroundRegion,
        }
  const first = (...lists: (readonly string[])[]) => lists.find((list) => list.length > 0) ?? []
  return {
    prompt: first(own.prompt, settings.prompt),
    screen: first(own.screen, own.prompt, settings.screen),
    source: first(own.source, settings.source),
    region: own.region,
  }
}

/**
 * What the foreground object is called. Where the background alone is edited, source and prompt speak of that: only a
 * region names the object.
 */
export const objectTexts = (settings: Pick<VideoSettings, 'region' | 'source' | 'relevancy' | 'layer'>): RegionTexts =>
  settings.layer === 'background' && settings.region.length === 0 ? [] : regionTexts(settings)
