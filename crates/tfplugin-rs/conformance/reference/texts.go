package main

import (
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-timetypes/timetypes"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// text is an attribute with these validators.
func text(validators ...validator.String) schema.StringAttribute {
	return schema.StringAttribute{Optional: true, Validators: validators}
}

func matches(pattern string) schema.StringAttribute {
	return text(stringvalidator.RegexMatches(regexp.MustCompile(pattern), ""))
}

// texts has one attribute for each validator of strings.
func texts() schema.Schema {
	a, long := stringvalidator.OneOf("a"), stringvalidator.LengthAtLeast(5)
	return base(map[string]schema.Attribute{
		"bytes_between":    text(stringvalidator.LengthBetween(2, 4)),
		"bytes_least":      text(stringvalidator.LengthAtLeast(2)),
		"bytes_most":       text(stringvalidator.LengthAtMost(4)),
		"length_between":   text(stringvalidator.UTF8LengthBetween(2, 4)),
		"length_least":     text(stringvalidator.UTF8LengthAtLeast(2)),
		"length_most":      text(stringvalidator.UTF8LengthAtMost(4)),
		"one_of":           text(stringvalidator.OneOf("a", "b", "")),
		"none_of":          text(stringvalidator.NoneOf("a", "b", "")),
		"one_of_caseless":  text(stringvalidator.OneOfCaseInsensitive("Ab", "ÜNÏ", "skſ", "σ", "i")),
		"none_of_caseless": text(stringvalidator.NoneOfCaseInsensitive("Ab", "ÜNÏ", "skſ", "σ", "i")),
		"pattern_class":    matches(`^[[:alpha:]]\w*$`),
		"pattern_unicode":  matches(`^\p{L}+$`),
		"pattern_part":     matches(`a{2,3}`),
		"pattern_multi":    matches(`(?m)^b$`),
		"pattern_caseless": matches(`(?i)^ab?$`),
		"pattern_dot":      matches(`^.$`),
		"pattern_word":     matches(`\bgo\b`),
		"any":              text(stringvalidator.Any(a, long)),
		"all":              text(stringvalidator.All(long, stringvalidator.NoneOf("aaaaa"))),
		"any_of_all":       text(stringvalidator.Any(a, stringvalidator.All(long, stringvalidator.LengthAtMost(6)))),
		"duration":         schema.StringAttribute{Optional: true, CustomType: timetypes.GoDurationType{}},
	})
}
