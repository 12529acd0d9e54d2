import type { GuidanceModel } from '../models/guidance.js'
import type { ImageSettings } from '../options/imageOptions.js'
import type { ViewPlan } from './clipViews.js'
import { type Size, viewSize } from './viewDraws.js'

/** The settings that decide what the views of a picture are. */
export type ViewSettings = Pick<ImageSettings, 'views' | 'viewFill' | 'viewSharing' | 'viewSampling' | 'antialias'>

/** The sets of views that a step encodes; with shared views some losses read another's set. */
export const viewSets = ['composition', 'directionalOutput', 'directionalInput', 'screen'] as const
export type ViewSet = (typeof viewSets)[number]

/** Which set of draws each set of views uses (`viewSharing`). */
export function viewSetOf(set: ViewSet, sharing: ImageSettings['viewSharing']): ViewSet {
  if (sharing === 'all') return 'composition'
  return sharing === 'losses' && set === 'directionalOutput' ? 'composition' : set
}

/** Short side of the views that a model sees: 224 as published, or what a model for larger pictures was trained at. */
export function viewSide(model: Pick<GuidanceModel, 'imageSize'>): number {
  return Math.max(224, model.imageSize)
}

/** A picture's size for a model: at short side 224, the long side is at most `longest`, which grows with `side`. */
export function seenSize(size: Size, side: number, longest: number): Size {
  return viewSize(size, side, Math.round((longest * side) / 224))
}

/** The plan of every view of a picture of this size, for models that see views of short side `side`. */
export function viewPlan(size: Size, side: number, settings: ViewSettings): ViewPlan {
  return {
    count: settings.views,
    source: size,
    view: seenSize(size, side, 320),
    sampling: settings.viewSampling,
    fill: settings.viewFill,
    antialias: settings.antialias,
  }
}

/** What the graph inputs of a set of views are called. */
export function viewInputsName(set: ViewSet, side: number): string {
  return side === 224 ? set : `${set}${side}`
}
