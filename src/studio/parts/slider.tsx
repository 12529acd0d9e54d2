import { Field } from './field.js'

/** A number that is dragged; its value stands beside its name. */
export function Slider({
  label,
  name,
  value,
  min,
  max,
  step = 1,
  shown = String(value),
  onInput,
}: {
  readonly label: string
  /** What it is called where the label alone would not tell it from others. */
  readonly name?: string
  readonly value: number
  readonly min: number
  readonly max: number
  readonly step?: number
  readonly shown?: string
  readonly onInput: (value: number) => void
}) {
  return (
    <Field label={label} extra={<output>{shown}</output>}>
      {(ids) => (
        <input
          {...ids}
          type="range"
          aria-label={name}
          min={min}
          max={max}
          step={step}
          value={value}
          onInput={(event) => onInput(event.currentTarget.valueAsNumber)}
        />
      )}
    </Field>
  )
}
