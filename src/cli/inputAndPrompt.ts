import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { Text2LiveError } from '../errors.js'
import { standardInput } from './readStandardInput.js'

/**
 * What the words of a command name: the photo or clip, and the prompt. With `--photo` or `--clip` given the first word
 * is the prompt, unless it is that path again.
 * @param optional the input may be left out: one word that is no file, nor named as a picture, is the prompt
 * @throws OPTION_INVALID where the flag and the words name two inputs
 */
export function inputAndPrompt(
  what: 'photo' | 'clip',
  flag: string | undefined,
  words: readonly string[],
  optional = false,
): { readonly input: string | undefined; readonly prompt: string | undefined } {
  const [first, second] = words
  const isFile = (word: string): boolean => /\.\w{2,5}$/.test(word) && existsSync(word)
  if (optional && flag === undefined && first !== undefined && second === undefined && first !== standardInput)
    return isFile(first) || /\.(jpe?g|png|webp|avif|tiff?)$/i.test(first)
      ? { input: first, prompt: undefined }
      : { input: undefined, prompt: first }
  if (flag === undefined || first === undefined) return { input: first ?? flag, prompt: second }
  if (resolve(first) === resolve(flag)) return { input: flag, prompt: second }
  // A file that is there is no prompt.
  if (second === undefined && !isFile(first)) return { input: flag, prompt: first }
  throw twoInputs(what, flag, first)
}

export const twoInputs = (what: 'photo' | 'clip', flag: string, word: string): Text2LiveError =>
  new Text2LiveError(
    'OPTION_INVALID',
    `--${what} names "${flag}", and the words name the ${what} "${word}". Leave one of the two out.`,
  )
