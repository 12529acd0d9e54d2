import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createProgram } from '../createProgram.js'
import { runCommand } from '../runCommand.js'
import { completableCommands } from './completable.js'

const shells = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof shells)[number]

/** A shell on a terminal of its own is had from `script` of util-linux. */
const isThere = (program: string): boolean => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0
const isMissing = (shell: Shell): boolean =>
  process.env['TEXT2LIVE_REQUIRE_SHELLS'] !== '1' && !(isThere(shell) && (shell === 'fish' || isThere('script')))

let home: string
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'text2live-completion-'))
  for (const folder of ['runs', 'runs/teapot-1', 'look']) mkdirSync(join(home, folder))
  for (const file of ['photo.png', 'my clip.mp4', 'runsheet.txt']) writeFileSync(join(home, file), '')
  for (const shell of shells) writeFileSync(join(home, `.${shell}`), await printed('completion', shell))
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

async function printed(...args: string[]): Promise<string> {
  let out = ''
  const stream = { write: (text: string) => (out += text) }
  expect(await runCommand(args, { stdout: stream, stderr: stream, width: 80, debug: false })).toBe(0)
  return out
}

/** What text2live is called with when the lines are typed, with tabs in them, into a shell that has the script. */
async function called(shell: 'bash' | 'zsh', lines: readonly string[]): Promise<string[][]> {
  const start = shell === 'bash' ? 'bash --norc --noprofile -i' : 'zsh -f -i'
  writeFileSync(
    join(home, '.setup'),
    `${shell === 'zsh' ? 'autoload -U compinit; compinit -u -D\n' : ''}. ./.${shell}
text2live() { printf 'GOT'; printf '<%s>' "$@"; printf 'END\\n'; }
printf 'READY%s\\n' .
`,
  )
  const session = spawn('script', ['-qec', start, '/dev/null'], { cwd: home, env: { ...process.env, TERM: 'dumb' } })
  let screen = ''
  session.stdout.on('data', (data: Buffer) => (screen += data.toString()))
  const shown = async (pattern: RegExp): Promise<string> => {
    await expect.poll(() => screen, { timeout: 20_000, interval: 20 }).toMatch(pattern)
    return pattern.exec(screen)![1]!
  }
  try {
    session.stdin.write('. ./.setup\n')
    await shown(/READY(\.)/)
    const calls: string[][] = []
    for (const line of lines) {
      screen = ''
      session.stdin.write(`${line}\n`)
      calls.push([...(await shown(/GOT(.*?)END/s)).matchAll(/<([^>]*)>/g)].map(([, word]) => word!))
    }
    return calls
  } finally {
    session.stdin.end('exit\n')
    session.kill()
  }
}

test.for(['bash', 'zsh'] as const)('%s completes commands, options, values and paths', async (shell, { skip }) => {
  skip(isMissing(shell), `${shell} or script is not installed`)
  expect(
    await called(shell, [
      'text2live im\tph\t --pres\tref\t --region horse --learning-rate-\t 1',
      'text2live vid\tmy\t --lay\tback\t',
      'text2live mod\tge\tst\t',
      'text2live atlas ins\tlo\t --atlas-samp\tref\t',
      'text2live image --resume run\tte\t',
      'text2live atlas fit --atlas neu\t --guid\tstar\t',
      'text2live compl\tfi\t',
      'text2live runs cl\tlook/ runs/te\t --prev\t',
    ]),
  ).toEqual([
    ['image', 'photo.png', '--preset', 'reference', '--region', 'horse', '--learning-rate-decay', '1'],
    ['video', 'my clip.mp4', '--layer', 'background'],
    ['models', 'get', 'starter'],
    ['atlas', 'inspect', expect.stringMatching(/^look\/?$/), '--atlas-sampling', 'reference'],
    ['image', '--resume', expect.stringMatching(/^runs\/teapot-1\/?$/)],
    ['atlas', 'fit', '--atlas', 'neural', '--guidance', 'starter'],
    ['completion', 'fish'],
    ['runs', 'clean', 'look/', expect.stringMatching(/^runs\/teapot-1\/?$/), '--previews'],
  ])
})

test('bash offers what fits and nothing else, after "=" too', ({ skip }) => {
  skip(isMissing('bash'), 'bash is not installed')
  const offered = (...words: string[]): string[] =>
    execFileSync(
      'bash',
      [
        '-c',
        '. ./.bash; COMP_WORDS=(text2live "$@"); COMP_CWORD=$#; _text2live; echo "${COMPREPLY[@]}"',
        '-',
        ...words,
      ],
      { cwd: home, encoding: 'utf8' },
    )
      .trim()
      .split(' ')
  expect(offered('')).toEqual(expect.arrayContaining(['image', 'video', 'studio', 'runs', 'doctor', 'completion']))
  expect(offered('image', '--preset', '=', 'p')).toEqual(['preview', 'paper'])
  expect(offered('image', '--preset', '=')).toEqual(['fast', 'preview', 'reference', 'paper'])
  expect(offered('models', 'verify', '--js')).toEqual(['--json'])
  // A value, and a word that is called as a command, are not taken for one.
  expect(offered('image', '--region', 'video', '--seed')).toEqual(['--seed', '--seeds'])
  expect(offered('image', 'photo.png', 'video', '--lay')).toEqual([''])
  expect(offered('image', 'photo.png', 'p')).toEqual([''])
})

test('fish completes commands, options, values and paths', ({ skip }) => {
  skip(isMissing('fish'), 'fish is not installed')
  const offered = (line: string): string[] =>
    execFileSync('fish', ['--no-config', '--private', '-c', `source .fish; complete -C '${line}'`], {
      cwd: home,
      encoding: 'utf8',
    })
      .trim()
      .split('\n')
      .map((each) => each.split('\t')[0]!)
  expect(offered('text2live mod')).toEqual(['models'])
  expect(offered('text2live models g')).toEqual(['get'])
  expect(offered('text2live atlas render --fore')).toEqual(['--foreground'])
  expect(offered('text2live render --fore')).toEqual([''])
  expect(offered('text2live image --preset p').sort()).toEqual(['paper', 'preview'])
  expect(offered('text2live image ph')).toEqual(['photo.png'])
  expect(offered('text2live image --resume run')).toEqual(['runs/'])
  expect(offered('text2live image --mask run').sort()).toEqual(['runs/', 'runsheet.txt'])
  expect(offered('text2live models get ViT-L/14@')).toEqual(['ViT-L/14@336px'])
})

test('every flag in the help of each command is known to all three', async () => {
  const stream = { write: () => true }
  const program = createProgram({ stdout: stream, stderr: stream, width: 80, debug: false }, () => undefined)
  const [bash, zsh, fish] = await Promise.all(shells.map((shell) => printed('completion', shell)))
  const missing: string[] = []
  for (const { words } of completableCommands(program).filter(({ words }) => words.length > 0)) {
    const command = words.join(' ')
    const flags = [...(await printed(...words, '--help')).matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(
      ([, flag]) => flag!,
    )
    expect(flags, command).toContain('--help')
    const known = {
      bash: new RegExp(`'${command}'\\) words='([^']*)'`).exec(bash!)![1]!.split(' '),
      zsh: zsh!
        .split(`_text2live_${words.join('_')}() {`)[1]!
        .split('\n}')[0]!
        .match(/--[\w-]+/g)!,
      fish: fish!
        .split('\n')
        .filter((line) => line.includes(`'__text2live_at ${command}'`))
        .flatMap((line) => / -l ([\w-]+)/.exec(line)?.[1] ?? [])
        .map((name) => `--${name}`),
    }
    for (const [shell, names] of Object.entries(known))
      missing.push(...flags.filter((flag) => !names.includes(flag)).map((flag) => `${shell}: ${command} ${flag}`))
  }
  expect(missing).toEqual([])
})
