package main

import (
	"context"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/resourcevalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// validated refuses much.
type validated struct{ scripted }

func (validated) ConfigValidators(context.Context) []resource.ConfigValidator {
	a, b := path.MatchRoot("either_a"), path.MatchRoot("either_b")
	both := []path.Expression{path.MatchRoot("together_a"), path.MatchRoot("together_b")}
	return []resource.ConfigValidator{
		resourcevalidator.Conflicting(a, b),
		resourcevalidator.RequiredTogether(both...),
	}
}

func validatedSchema() schema.Schema {
	short := []validator.String{stringvalidator.UTF8LengthBetween(1, 5)}
	made := base(map[string]schema.Attribute{
		"short":      schema.StringAttribute{Optional: true, Validators: short},
		"choice":     schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf("a", "b")}},
		"pattern":    schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.RegexMatches(regexp.MustCompile("^a+$"), "")}},
		"range":      schema.Int64Attribute{Optional: true, Validators: []validator.Int64{int64validator.Between(1, 10)}},
		"few":        schema.ListAttribute{Optional: true, ElementType: types.StringType, Validators: []validator.List{listvalidator.SizeBetween(1, 2)}},
		"each":       schema.ListAttribute{Optional: true, ElementType: types.StringType, Validators: []validator.List{listvalidator.ValueStringsAre(short...)}},
		"keys":       schema.MapAttribute{Optional: true, ElementType: types.StringType, Validators: []validator.Map{mapvalidator.KeysAre(short...)}},
		"values":     schema.MapAttribute{Optional: true, ElementType: types.StringType, Validators: []validator.Map{mapvalidator.ValueStringsAre(short...)}},
		"either_a":   schema.StringAttribute{Optional: true},
		"either_b":   schema.StringAttribute{Optional: true},
		"together_a": schema.StringAttribute{Optional: true},
		"together_b": schema.StringAttribute{Optional: true},
		"inner": schema.ListNestedAttribute{Optional: true, NestedObject: objects(map[string]schema.Attribute{
			"short": schema.StringAttribute{Optional: true, Validators: short},
			"old":   schema.StringAttribute{Optional: true, DeprecationMessage: "Use short."},
		})},
	})
	made.Blocks = map[string]schema.Block{
		"block": schema.ListNestedBlock{
			DeprecationMessage: "Use inner.",
			NestedObject: schema.NestedBlockObject{Attributes: map[string]schema.Attribute{
				"short": schema.StringAttribute{Optional: true, Validators: short},
			}},
		},
	}
	return made
}
