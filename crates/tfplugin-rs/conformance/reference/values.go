package main

import "github.com/hashicorp/terraform-plugin-go/tftypes"

// scriptOf reads the attribute "script" of an object: what shall go wrong.
func scriptOf(raw tftypes.Value) string { return textOf(raw, "script") }

// textOf reads an attribute of an object; null and unknown are "".
func textOf(raw tftypes.Value, name string) string {
	var object map[string]tftypes.Value
	if !raw.IsKnown() || raw.IsNull() || raw.As(&object) != nil {
		return ""
	}
	value, ok := object[name]
	var text string
	if !ok || !value.IsKnown() || value.IsNull() || value.As(&text) != nil {
		return ""
	}
	return text
}

// complete gives every unknown inside a value.
func complete(raw tftypes.Value) (tftypes.Value, error) {
	return tftypes.Transform(raw, func(_ *tftypes.AttributePath, value tftypes.Value) (tftypes.Value, error) {
		if value.IsKnown() {
			return value, nil
		}
		return made(value.Type()), nil
	})
}

// made is the one value of a type that this provider computes.
func made(ty tftypes.Type) tftypes.Value {
	switch ty := ty.(type) {
	case tftypes.List:
		return tftypes.NewValue(ty, []tftypes.Value{made(ty.ElementType)})
	case tftypes.Set:
		return tftypes.NewValue(ty, []tftypes.Value{made(ty.ElementType)})
	case tftypes.Map:
		return tftypes.NewValue(ty, map[string]tftypes.Value{"made": made(ty.ElementType)})
	case tftypes.Tuple:
		elements := make([]tftypes.Value, 0, len(ty.ElementTypes))
		for _, element := range ty.ElementTypes {
			elements = append(elements, made(element))
		}
		return tftypes.NewValue(ty, elements)
	case tftypes.Object:
		attributes := make(map[string]tftypes.Value, len(ty.AttributeTypes))
		for name, attribute := range ty.AttributeTypes {
			attributes[name] = made(attribute)
		}
		return tftypes.NewValue(ty, attributes)
	}
	switch {
	case ty.Is(tftypes.Bool):
		return tftypes.NewValue(ty, true)
	case ty.Is(tftypes.Number):
		return tftypes.NewValue(ty, 7)
	default:
		return tftypes.NewValue(tftypes.String, "made")
	}
}

// with replaces one attribute of an object by a text.
func with(raw tftypes.Value, name, text string) (tftypes.Value, error) {
	return tftypes.Transform(raw, func(at *tftypes.AttributePath, value tftypes.Value) (tftypes.Value, error) {
		if at.Equal(tftypes.NewAttributePath().WithAttributeName(name)) {
			return tftypes.NewValue(tftypes.String, text), nil
		}
		return value, nil
	})
}
