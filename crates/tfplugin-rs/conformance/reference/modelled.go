package main

import (
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// modelled has one attribute for each kind of field that a derived model in Rust can have.
func modelled() schema.Schema {
	part := map[string]schema.Attribute{
		"name":  schema.StringAttribute{Required: true},
		"count": schema.Int64Attribute{Optional: true},
		"id":    schema.StringAttribute{Computed: true},
	}
	made := base(map[string]schema.Attribute{
		"bool":        schema.BoolAttribute{Required: true},
		"bool_open":   schema.BoolAttribute{Optional: true, Computed: true},
		"float_field": schema.Float64Attribute{Optional: true},
		"int":         schema.Int64Attribute{Required: true},
		"int_default": schema.Int64Attribute{Optional: true, Computed: true, Default: int64default.StaticInt64(5)},
		"int_open":    schema.Int64Attribute{Optional: true, Computed: true},
		"small":       schema.Int32Attribute{Optional: true},
		"number":      schema.NumberAttribute{Required: true},
		"number_open": schema.NumberAttribute{Optional: true, Computed: true},
		"string":      schema.StringAttribute{Required: true},
		"string_open": schema.StringAttribute{Optional: true, Computed: true},
		"kept":        schema.StringAttribute{Computed: true, PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()}},
		"secret_wo":   schema.StringAttribute{Optional: true, WriteOnly: true},
		"dynamic":     schema.DynamicAttribute{Optional: true},
		"list":        schema.ListAttribute{Optional: true, ElementType: types.StringType},
		"list_open":   schema.ListAttribute{Optional: true, Computed: true, ElementType: types.StringType},
		"rows":        schema.ListAttribute{Optional: true, ElementType: types.ListType{ElemType: types.NumberType}},
		"set":         schema.SetAttribute{Optional: true, ElementType: types.StringType},
		"map":         schema.MapAttribute{Optional: true, ElementType: types.NumberType},
		"part":        schema.SingleNestedAttribute{Optional: true, Attributes: part},
		"part_open":   schema.SingleNestedAttribute{Optional: true, Computed: true, Attributes: spare()},
		"parts":       schema.ListNestedAttribute{Optional: true, NestedObject: objects(part)},
		"named":       schema.MapNestedAttribute{Optional: true, NestedObject: objects(part)},
		"distinct":    schema.SetNestedAttribute{Optional: true, NestedObject: objects(plain())},
	})
	made.Blocks = map[string]schema.Block{
		"line": schema.ListNestedBlock{NestedObject: schema.NestedBlockObject{Attributes: part}},
		"head": schema.SingleNestedBlock{Attributes: map[string]schema.Attribute{"name": schema.StringAttribute{Optional: true}}},
	}
	return made
}
