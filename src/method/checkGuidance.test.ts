import { describe, expect, it } from 'vitest'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import type { GuidanceParts, GuidancePlugin, GuidanceTools } from '../models/guidancePlugin.js'
import { checkGuidance } from './checkGuidance.js'

const runtime = createNodeRuntime({ device: 'cpu', threads: 2 })
const { default: example } = (await import(new URL('../../examples/colours-and-edges.mjs', import.meta.url).href)) as {
  readonly default: GuidancePlugin
}
type Change = { readonly [Part in keyof GuidanceParts]?: GuidanceParts[Part] | undefined }

/** The example with some of its parts otherwise. */
const changed = (change: (parts: GuidanceParts, tools: GuidanceTools) => Change): GuidancePlugin => ({
  ...example,
  async open(tools) {
    const parts = await example.open(tools)
    return { ...parts, ...change(parts, tools) } as GuidanceParts
  },
})

async function failures(plugin: GuidancePlugin): Promise<Record<string, string>> {
  const checks = await checkGuidance(plugin, [runtime])
  return Object.fromEntries(
    checks.filter(({ passed }) => !passed).map(({ name, detail }) => [name.split(':')[0]!, detail]),
  )
}

describe('the conformance suite', () => {
  it('passes the example, every part of it', async () => {
    const checks = await checkGuidance(example, [runtime, runtime])
    expect(checks.filter(({ passed }) => !passed)).toEqual([])
    expect(checks.map(({ name }) => name)).toMatchInlineSnapshot(`
      [
        "opens, twice with the same weights",
        "texts.encode: alone as beside others, and another row for another text",
        "texts.embed: finite at 224x224 and 241x224",
        "texts.embed: views in a batch as alone",
        "texts.embed: the same graph and the same bits twice",
        "texts.embed: gradient as by central differences",
        "texts.embed: on cpu as on cpu",
        "tokens: finite at 224x224 and 241x224",
        "tokens: the same graph and the same bits twice",
        "tokens: gradient as by central differences",
        "tokens: on cpu as on cpu",
        "relevancy: finite at 224x224 and 241x224",
        "relevancy: the same graph and the same bits twice",
        "relevancy: on cpu as on cpu",
      ]
    `)
  })

  it('finds a gradient that is not that of the numbers, and none', async () => {
    const halved = changed((parts, { ops: { add, mul, stopGradient } }) => ({
      tokens: (image, w) => {
        const tokens = parts.tokens!(image, w)
        return add(mul(tokens, 0.5), stopGradient(mul(tokens, 0.5)))
      },
    }))
    expect((await failures(halved))['tokens']).toMatch(/off by 50/)
    const cut = changed((parts, { ops: { stopGradient } }) => ({
      tokens: (image, w) => parts.tokens!(stopGradient(image), w),
    }))
    expect((await failures(cut))['tokens']).toMatch(/gradient/)
  })

  it('finds shapes, numbers and texts that are not what was declared', async () => {
    const narrow = changed(({ texts }) => ({ texts: { ...texts!, width: 4 } }))
    expect((await failures(narrow))['texts.encode']).toContain('2 rows of 4 finite numbers')
    expect((await failures(narrow))['texts.embed']).toContain('[1, 4], it gives [1, 5]')
    const deaf = changed(({ texts }) => ({
      texts: { ...texts!, encode: (all) => new Float32Array(5 * all.length).fill(1) },
    }))
    expect((await failures(deaf))['texts.encode']).toContain('same embedding')
    const blind = changed((_, { ops: { mul } }) => ({
      texts: undefined,
      relevancy: undefined,
      tokens: (image) => mul(image, 0),
    }))
    expect((await failures(blind))['tokens']).toContain('expected tokens to give')
    const none = changed(() => ({ texts: undefined, relevancy: undefined, tokens: undefined }))
    expect(Object.values(await failures(none))).toEqual([expect.stringContaining('at least one of texts and tokens')])
  })

  it('finds what changes from call to call', async () => {
    let calls = 0
    const moody = changed((parts, { ops: { mul } }) => ({
      tokens: (image, w) => mul(parts.tokens!(image, w), 1 + 0.1 * calls++),
    }))
    expect((await failures(moody))['tokens']).toContain('differs from call to call')
  })
})
