import { spawnSync } from 'node:child_process'
import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { addOptionFlags } from '../cli/optionFlags.js'
import { commandLine } from './commandLine.js'
import type { GivenOptions } from './imageOptions.js'
import { resolveSettings } from './resolveSettings.js'

const settingsOf = (given: GivenOptions) => resolveSettings([{ photo: 'a.jpg', ...given }], () => 7)

describe('commandLine', () => {
  it('says nothing that the preset says', () => {
    expect(commandLine(settingsOf({ prompt: ['golden teapot'], source: ['teapot'] }), 'tea pot.jpg')).toBe(
      "npx text2live image 'tea pot.jpg' 'golden teapot' --source teapot --seed 7",
    )
  })

  it('names what the run stands on', () => {
    expect(commandLine(settingsOf({ prompt: ['snow'] }), 'a.jpg', { over: ['runs/a-1', 'runs/b 2'] })).toBe(
      "npx text2live image a.jpg snow --over runs/a-1 --over 'runs/b 2' --seed 7",
    )
  })

  it('is taken by a shell word by word, whatever is in it', () => {
    const prompt = `it's "$HOME" \`pwd\` \\ !x`
    const line = commandLine(settingsOf({ prompt: [prompt, 'b'], mask: 'm' }), 'p.jpg', { mask: 'my mask.png' })
    const { stdout } = spawnSync('sh', ['-c', line.replace('npx', 'printf "%s\\n"')], { encoding: 'utf8' })
    expect(stdout.split('\n').slice(0, 8)).toEqual([
      'text2live',
      'image',
      'p.jpg',
      prompt,
      '--prompt',
      'b',
      '--mask',
      'my mask.png',
    ])
  })

  it.each<GivenOptions>([
    { prompt: ['a', 'b'], source: ['c'], screen: ['d', 'e'], region: ['none'], preset: 'reference', steps: 3 },
    { prompt: ['a'], antialias: false, learningRate: 0.25, lambdaDirectional: 2, sizes: 'exact', truncate: true },
    { prompt: ['a'], preset: 'preview', size: 0, bootstrapSteps: 5, relevancy: 'edges', start: 'random' },
  ])('gives the same settings when it is read again: %j', (given) => {
    const settings = settingsOf({ ...given, seed: 12 })
    const line = commandLine(settings, 'a.jpg')
    const words = spawnSync('sh', ['-c', line.replace('npx text2live', 'printf "%s\\0"')], { encoding: 'utf8' })
      .stdout.split('\0')
      .slice(0, -1)
    const command = new Command()
    addOptionFlags(command)
    command.parseOptions(words.slice(1))
    const [photo, prompt] = words.slice(1)
    const read = command.opts<GivenOptions>()
    const prompts = [prompt!, ...((read.prompt ?? []) as readonly string[])]
    expect(resolveSettings([{ ...read, photo: photo!, prompt: prompts }], () => 0)).toEqual(settings)
  })
})
