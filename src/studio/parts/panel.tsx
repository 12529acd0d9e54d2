import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

/** A part of the page with a heading. */
export function Panel({
  title,
  class: name = '',
  children,
}: {
  readonly title: string
  readonly class?: string
  readonly children: ComponentChildren
}) {
  const id = useId()
  return (
    <section class={`panel ${name}`} aria-labelledby={id} tabIndex={-1}>
      <h2 id={id}>{title}</h2>
      {children}
    </section>
  )
}
