/**
 * Help, or a message, in lines of at most `width` characters, where words allow it: paragraphs keep their indent, and
 * an example ("  $ text2live ...") is continued as a shell takes it. Lines that fit stay as they are.
 */
export function fitHelp(text: string, width: number): string {
  return text
    .split('\n')
    .map((line) => {
      if (line.length <= width) return line
      return line.startsWith('  $ ') ? fitExample(line, width) : wrapLine(line, width)
    })
    .join('\n')
}

/** Breaks a line between words; all that follow begin as it does. */
export function wrapLine(line: string, width: number): string {
  const indent = /^ */.exec(line)![0]
  return fill(line.slice(indent.length).split(' '), width - indent.length)
    .map((each) => indent + each)
    .join('\n')
}

const fitExample = (line: string, width: number): string =>
  // Quoted words stay on one line.
  fill(line.slice(4).match(/(?:[^\s"]|"[^"]*")+/g)!, width - ' \\'.length - 6)
    .map((each, i) => `${i === 0 ? '  $ ' : '      '}${each}`)
    .join(' \\\n')

function fill(words: readonly string[], width: number): string[] {
  const lines: string[] = []
  for (const word of words) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
