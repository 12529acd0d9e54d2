import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { createProgram } from './createProgram.js'
import { fitHelp } from './fitHelp.js'
import { runCommand } from './runCommand.js'

async function printed(width: number, ...args: string[]): Promise<string> {
  let out = ''
  const stream = { write: (text: string) => (out += text) }
  expect(await runCommand(args, { stdout: stream, stderr: stream, width, debug: false })).toBe(0)
  return out
}

const quiet = { write: () => true }
const program = createProgram({ stdout: quiet, stderr: quiet, width: 80, debug: false }, () => undefined)
const wordsOf = (command: Command, before: readonly string[]): string[][] => [
  [...before],
  ...command.commands.flatMap((each) => wordsOf(each, [...before, each.name()])),
]

test.each(wordsOf(program, []).map((words) => [words.join(' '), words] as const))(
  'help of "%s" fits 80 columns and shows how to call it',
  async (name, words) => {
    const help = await printed(80, ...words, '--help')
    expect(help.split('\n').filter((line) => line.length > 80)).toEqual([])
    expect(help).toMatch(new RegExp(`\nExamples?:\n(?:.*\n)*?  \\$ .*\\btext2live ${name}`))
  },
)

test('what a command is for stays in its column', async () => {
  const [, commands] = /\nCommands:\n((?: .*\n)+)/.exec(await printed(80, '--help'))!
  const lines = commands!.split('\n').slice(0, -1)
  const columns = lines.map((line) => /^(?: {2}\S+(?: \S+)* {2,}| {3,})(?=\S)/.exec(line)?.[0].length)
  expect(new Set(columns)).toEqual(new Set([columns[0]]))
  expect(columns[0]).toBeGreaterThan(10)
})

test('an example that is broken is the same command', async () => {
  const joined = (text: string): string[] =>
    text
      .replace(/ \\\n +/g, ' ')
      .split('\n')
      .filter((line) => line.startsWith('  $ '))
  const [narrow, wide] = [await printed(60, 'image', '--help'), await printed(1000, 'image', '--help')]
  expect(narrow).toContain(' \\\n      --')
  expect(joined(narrow)).toEqual(joined(wide))
})

test('paragraphs keep their indent, quoted words and what fits stay whole', () => {
  expect(fitHelp('    one two three\nfits', 12)).toBe('    one two\n    three\nfits')
  expect(fitHelp('  $ text2live image a.jpg "a cat of glass" --seed 7', 34)).toBe(
    '  $ text2live image a.jpg \\\n      "a cat of glass" --seed 7',
  )
})
