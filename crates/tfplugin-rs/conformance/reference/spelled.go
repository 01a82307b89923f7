package main

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// caselessType is text in which upper and lower case mean the same.
type caselessType struct{ basetypes.StringType }

func (caselessType) Equal(other attr.Type) bool {
	_, ok := other.(caselessType)
	return ok
}

func (caselessType) String() string { return "caseless" }

func (caselessType) ValueFromString(_ context.Context, in basetypes.StringValue) (basetypes.StringValuable, diag.Diagnostics) {
	return caseless{in}, nil
}

func (t caselessType) ValueFromTerraform(ctx context.Context, in tftypes.Value) (attr.Value, error) {
	value, err := t.StringType.ValueFromTerraform(ctx, in)
	if err != nil {
		return nil, err
	}
	return caseless{value.(basetypes.StringValue)}, nil
}

func (caselessType) ValueType(context.Context) attr.Value { return caseless{} }

type caseless struct{ basetypes.StringValue }

func (caseless) Type(context.Context) attr.Type { return caselessType{} }

func (c caseless) Equal(other attr.Value) bool {
	text, ok := other.(caseless)
	return ok && c.StringValue.Equal(text.StringValue)
}

func (c caseless) StringSemanticEquals(_ context.Context, other basetypes.StringValuable) (bool, diag.Diagnostics) {
	text, ok := other.(caseless)
	return ok && strings.EqualFold(c.ValueString(), text.ValueString()), nil
}

// spelled is a resource whose service may shout.
type spelled struct{ scripted }

func spelledSchema() schema.Schema {
	return base(map[string]schema.Attribute{
		"label":      schema.StringAttribute{Optional: true, CustomType: caselessType{}},
		"label_both": schema.StringAttribute{Optional: true, Computed: true, CustomType: caselessType{}},
		"list":       schema.ListAttribute{Optional: true, ElementType: caselessType{}},
		"map":        schema.MapAttribute{Optional: true, ElementType: caselessType{}},
		"set":        schema.SetAttribute{Optional: true, ElementType: caselessType{}},
		"items": schema.ListNestedAttribute{Optional: true, NestedObject: objects(map[string]schema.Attribute{
			"label": schema.StringAttribute{Optional: true, CustomType: caselessType{}},
			"exact": schema.StringAttribute{Optional: true},
		})},
		"exact": schema.StringAttribute{Optional: true},
	})
}

// shouted is a value with all its labels in upper case.
func shouted(raw tftypes.Value) tftypes.Value {
	loud, _ := tftypes.Transform(raw, func(at *tftypes.AttributePath, value tftypes.Value) (tftypes.Value, error) {
		var text string
		steps := at.Steps()
		if len(steps) == 0 || !value.IsKnown() || value.IsNull() || value.As(&text) != nil {
			return value, nil
		}
		name, _ := steps[0].(tftypes.AttributeName)
		last, _ := at.LastStep().(tftypes.AttributeName)
		if name == "script" || name == "stamp" || last == "exact" {
			return value, nil
		}
		return tftypes.NewValue(tftypes.String, strings.ToUpper(text)), nil
	})
	return loud
}

func (s spelled) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	s.scripted.Create(ctx, req, resp)
	if scriptOf(req.Plan.Raw) == "apply_shout" {
		resp.State.Raw = shouted(resp.State.Raw)
	}
}

func (s spelled) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	s.scripted.Update(ctx, req, resp)
	if scriptOf(req.Plan.Raw) == "apply_shout" {
		resp.State.Raw = shouted(resp.State.Raw)
	}
}

func (s spelled) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	s.scripted.Read(ctx, req, resp)
	if scriptOf(req.State.Raw) == "read_shout" {
		resp.State.Raw = shouted(resp.State.Raw)
	}
}
