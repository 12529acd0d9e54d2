import { signal } from '@preact/signals'
import { english, type StringName } from './english.js'
import { german } from './german.js'

const languages = { en: english, de: german } as const
export type Language = keyof typeof languages

/** What the page speaks; the browser's language where it is one of ours. */
export const language = signal<Language>(navigator.language.startsWith('de') ? 'de' : 'en')

/** A string of the page, with `{name}`s filled in. */
export function text(name: StringName, values: Readonly<Record<string, string | number>> = {}): string {
  return languages[language.value][name].replace(/\{(\w+)\}/g, (whole, key: string) => String(values[key] ?? whole))
}

/** A number as the page's language writes it. */
export const number = (value: number, digits = 0): string =>
  value.toLocaleString(language.value, { minimumFractionDigits: digits, maximumFractionDigits: digits })

/** Bytes as people read them. */
export function bytesText(bytes: number): string {
  const [unit, size] = bytes >= 1e9 ? ['GB', 1e9] : bytes >= 1e6 ? ['MB', 1e6] : ['kB', 1e3]
  return `${number(bytes / size, bytes / size < 10 ? 1 : 0)} ${unit}`
}

/** Seconds as people read them: "40 s", "3 min". */
export function timeText(seconds: number): string {
  if (seconds < 90) return `${number(Math.max(0, Math.round(seconds)))} s`
  return seconds < 5400 ? `${number(Math.round(seconds / 60))} min` : `${number(seconds / 3600, 1)} h`
}
