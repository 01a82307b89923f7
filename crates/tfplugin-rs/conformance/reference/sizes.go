package main

import (
	"github.com/hashicorp/terraform-plugin-framework-validators/float64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

func listOf(element attr.Type, validators ...validator.List) schema.ListAttribute {
	return schema.ListAttribute{Optional: true, ElementType: element, Validators: validators}
}

func setOf(element attr.Type, validators ...validator.Set) schema.SetAttribute {
	return schema.SetAttribute{Optional: true, ElementType: element, Validators: validators}
}

func mapOf(element attr.Type, validators ...validator.Map) schema.MapAttribute {
	return schema.MapAttribute{Optional: true, ElementType: element, Validators: validators}
}

// sizes has one attribute for each validator of collections.
func sizes() schema.Schema {
	words, counts, floats := types.StringType, types.Int64Type, types.Float64Type
	rows := types.ListType{ElemType: words}
	short := stringvalidator.UTF8LengthBetween(1, 3)
	few := int64validator.Between(1, 7)
	low := float64validator.AtMost(1)
	pairs := listvalidator.SizeBetween(1, 1)
	item := objects(map[string]schema.Attribute{"short": text(short)})
	made := base(map[string]schema.Attribute{
		"list_between":     listOf(words, listvalidator.SizeBetween(1, 2)),
		"list_least":       listOf(words, listvalidator.SizeAtLeast(1)),
		"list_most":        listOf(words, listvalidator.SizeAtMost(1)),
		"list_no_nulls":    listOf(words, listvalidator.NoNullValues()),
		"list_unique":      listOf(words, listvalidator.UniqueValues()),
		"list_unique_rows": listOf(rows, listvalidator.UniqueValues()),
		"list_words":       listOf(words, listvalidator.ValueStringsAre(short, stringvalidator.NoneOf("b"))),
		"list_counts":      listOf(counts, listvalidator.ValueInt64sAre(few)),
		"list_floats":      listOf(floats, listvalidator.ValueFloat64sAre(low)),
		"list_rows":        listOf(rows, listvalidator.ValueListsAre(pairs)),
		"list_any":         listOf(words, listvalidator.Any(listvalidator.SizeAtMost(0), listvalidator.ValueStringsAre(stringvalidator.OneOf("a")))),
		"list_items": schema.ListNestedAttribute{Optional: true, NestedObject: item,
			Validators: []validator.List{listvalidator.SizeAtMost(1)}},
		"map_between":  mapOf(words, mapvalidator.SizeBetween(1, 2)),
		"map_least":    mapOf(words, mapvalidator.SizeAtLeast(1)),
		"map_most":     mapOf(words, mapvalidator.SizeAtMost(1)),
		"map_no_nulls": mapOf(words, mapvalidator.NoNullValues()),
		"map_keys":     mapOf(words, mapvalidator.KeysAre(stringvalidator.UTF8LengthBetween(1, 4), stringvalidator.NoneOf("l"))),
		"map_words":    mapOf(words, mapvalidator.ValueStringsAre(short)),
		"map_counts":   mapOf(counts, mapvalidator.ValueInt64sAre(few)),
		"map_floats":   mapOf(floats, mapvalidator.ValueFloat64sAre(low)),
		"map_rows":     mapOf(rows, mapvalidator.ValueListsAre(pairs)),
		"map_items": schema.MapNestedAttribute{Optional: true, NestedObject: item,
			Validators: []validator.Map{mapvalidator.KeysAre(short)}},
		"set_between":  setOf(words, setvalidator.SizeBetween(1, 2)),
		"set_least":    setOf(words, setvalidator.SizeAtLeast(1)),
		"set_most":     setOf(words, setvalidator.SizeAtMost(1)),
		"set_no_nulls": setOf(words, setvalidator.NoNullValues()),
		"set_words":    setOf(words, setvalidator.ValueStringsAre(short)),
		"set_counts":   setOf(counts, setvalidator.ValueInt64sAre(few)),
		"set_rows":     setOf(rows, setvalidator.ValueListsAre(pairs)),
		"set_items": schema.SetNestedAttribute{Optional: true, NestedObject: item,
			Validators: []validator.Set{setvalidator.SizeAtLeast(1)}},
	})
	inner := schema.NestedBlockObject{Attributes: map[string]schema.Attribute{"short": text(short)}}
	made.Blocks = map[string]schema.Block{
		"some": schema.ListNestedBlock{NestedObject: inner, Validators: []validator.List{listvalidator.SizeBetween(1, 1)}},
		"rest": schema.SetNestedBlock{NestedObject: inner, Validators: []validator.Set{setvalidator.SizeAtMost(1)}},
	}
	return made
}
