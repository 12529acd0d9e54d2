import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { commandFolder, cutCommand, docCommands, exampleFile, notRun, place } from '../support/docCommands.js'

const commands = docCommands()
const { folder, run } = commandFolder()

/** No batch is at work here when the docs end one; test/batch ends one that is. */
const refused: Readonly<Record<string, string>> = {
  'npx text2live batch cancel jobs.csv': 'RUN_NOT_FOUND',
  'npx text2live batch cancel jobs.csv teapot-ice': 'RUN_NOT_FOUND',
}

beforeAll(async () => {
  const teapot = await sharp(exampleFile('teapot.jpg')).resize(224, 224).jpeg().toBuffer()
  for (const name of ['teapot', 'cat', 'street', 'examples/teapot']) place(join(folder, `${name}.jpg`), teapot)
  const mask = await sharp({ create: { width: 224, height: 224, channels: 3, background: 'black' } })
    .composite([{ input: { create: { width: 120, height: 90, channels: 3, background: 'white' } } }])
    .png()
    .toBuffer()
  for (const name of ['ground.png', 'teapot-mask.png']) place(join(folder, name), mask)
  place(join(folder, 'examples/colours-and-edges.mjs'), readFileSync(exampleFile('colours-and-edges.mjs')))
  // Cut in the list itself.
  const [names, values] = ['steps,size,views,generator-width,generator-levels,start,device', '1,192,1,8,4,random,cpu']
  place(
    join(folder, 'jobs.csv'),
    `input,prompt,region,out,${names}\nteapot.jpg,golden teapot,none,,${values}\nteapot.jpg,teapot made of ice,none,teapot-ice,${values}\n`,
  )
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('what is not run is in the docs, and what is run is a command of ours', () => {
  const texts = commands.map(({ text }) => text)
  expect(Object.keys(notRun).filter((text) => !texts.includes(text))).toEqual([])
  const foreign = texts.filter((text) => notRun[text] === undefined && !/^(npx )?text2live /.test(text))
  expect(foreign, 'run them, or list them in test/support/docCommands.ts with the reason').toEqual([])
  expect(texts.length - Object.keys(notRun).length).toBeGreaterThan(20)
})

test.each(commands.filter(({ text }) => notRun[text] === undefined))('$page: $text', async ({ text }) => {
  const ended = await run(cutCommand(text))
  const code = refused[text]
  expect(ended.status, ended.text).toBe(code === undefined ? 0 : 2)
  if (code !== undefined) expect(ended.text).toContain(code)
})
