import type { StarterConfig } from '../../src/models/starterConfig.js'
import { type Pool, plainByName, viewsByLabel } from './drawBatch.js'
import { type FeatureStore, storeOrigin } from './featureStore.js'
import { encodeSentences } from './sentences.js'
import { phrasesOf } from './texts.js'
import { type ViewKind, type ViewPlan, cleanViewCount, drawView, viewKinds } from './views.js'

export interface PoolOptions {
  readonly plan: ViewPlan
  readonly store: FeatureStore
  readonly parts: string
  /** Folder of encoded texts. */
  readonly texts: string
  readonly config: StarterConfig
  readonly cleanOnly: boolean
  readonly threads: number
  readonly say: (line: string) => void
}

/**
 * What training draws from: the views whose features are stored (of clean pairs alone, if asked), and the vectors of
 * all their texts.
 * @throws where the features are of other views
 */
export async function openPool({
  plan,
  store,
  parts,
  texts,
  config,
  cleanOnly,
  threads,
  say,
}: PoolOptions): Promise<Pool> {
  await store.claim(storeOrigin(plan, parts))
  const counts = Object.fromEntries(
    viewKinds.map((kind) => {
      const stored = store.stored(kind)
      return [kind, cleanOnly ? Math.min(stored, cleanViewCount(plan, kind)) : stored]
    }),
  ) as Record<ViewKind, number>
  say(`views: ${viewKinds.map((kind) => `${counts[kind]} ${kind}`).join(', ')}`)
  const all = new Set<string>()
  for (const kind of viewKinds) {
    for (let i = 0; i < counts[kind]; i++) {
      const { ground, pasted } = drawView(plan, kind, i)
      for (const layer of [ground, ...pasted.map(({ layer }) => layer)])
        for (const { text } of phrasesOf(layer, plan)) all.add(text)
    }
  }
  say(`texts: ${all.size}`)
  const sentences = await encodeSentences(all, { parts, cache: texts, config, threads, say })
  return {
    plan,
    store,
    sentences,
    counts,
    plain: plainByName(plan, counts.plain),
    alike: { tinted: viewsByLabel(plan, 'tinted', counts.tinted), object: viewsByLabel(plan, 'object', counts.object) },
  }
}
